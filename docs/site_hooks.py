"""What the site has besides docs/: the README as its first page, the changelog.

MkDocs calls `on_files` (mkdocs.yml); the pages in docs/ need none of it.
"""

import pathlib
import re

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).parent.parent
GENERATED = {"index.md": "README.md", "changelog.md": "CHANGELOG.md"}
# A link to another file at the repository's root, or in these folders.
_OUTSIDE = re.compile(
    r"(?<!!)\[([^]]+)\]\((?:\.\./)?"
    r"(?:[A-Z_]+(?:\.\w+)?|(?:configs|notebooks|tpu_scripts)/[^)]*)\)"
)


def on_files(files, config):
    """Adds the pages that lie outside docs/."""
    for name, source in GENERATED.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=site_text(text)))
    return files


def on_page_markdown(markdown, page, config, files):
    """A page of docs/ that links to a file outside it links to the site's."""
    return site_text(markdown)


def site_text(text):
    """Markdown whose links are those of a page of the site.

    What the site has is linked there; of another file of the repository the
    words stay.
    """
    for name, source in GENERATED.items():
        text = re.sub(rf"\]\((\.\./)?{source}", f"]({name}", text)
    text = re.sub(r"\]\(docs/", "](", text)
    return _OUTSIDE.sub(r"\1", text)
