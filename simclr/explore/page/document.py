"""The HTML of a page: our scripts and styles in it, and no host.

The browser itself is told what the page may do: run these scripts, known by
their hashes, and fetch nothing from any host.
"""

import base64
import hashlib
import html
import importlib.resources
import json

_SCRIPTS = (
    *("data", "colours", "labels", "camera", "points", "pictures"),
    *("panel", "keys", "main"),
)


def to_json(value):
    """A text for a script element: nothing in it ends that element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def document(overview, inside, *, connect=False):
    """A whole page.

    Args:
        overview: dict of contents.overview.
        inside: list of dicts, tiles that lie in the page; []: each is a file
            beside it.
        connect: bool, whether it may talk to where it came from.

    Returns:
        str, HTML.
    """
    script = "".join(_asset(f"{name}.js") for name in _SCRIPTS)
    script = f"(() => {{\n{script}}})();"
    style = _asset("page.css")
    own = "" if inside else " 'self' file:"
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_hash(script)}'{own}",
            f"style-src '{_hash(style)}'",
            f"img-src data:{own}",
            f"connect-src {chr(39)}{'self' if connect else 'none'}{chr(39)}",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    parts = {
        "policy": html.escape(policy),
        "title": html.escape(overview["title"]),
        "style": style,
        "overview": to_json(overview),
        "inside": to_json(inside),
        "script": script,
    }
    # Cut once: what a store says is never searched for our marks.
    first, *rest = _asset("page.html").split("{{")
    text = [first]
    for piece in rest:
        name, after = piece.split("}}", 1)
        text += [parts[name], after]
    return "".join(text)


def _asset(name):
    folder = importlib.resources.files("simclr.explore.page") / "assets"
    return (folder / name).read_text(encoding="utf-8")


def _hash(text):
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
