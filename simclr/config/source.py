"""A config as the text of a recipe, a Python file."""

import dataclasses

from simclr.config.schema import Config
from simclr.data.views.op import Op


def recipe(config, words):
    """The recipe that says a config; `read` gives the same one again.

    Args:
        config: Config.
        words: str, lines that stand at its top for people.

    Returns:
        str, Python: of the config only what differs from the defaults.
    """
    # What a file's name brings along stays inside the text.
    words = words.strip().replace("\\", r"\\").replace('"""', r"\"\"\"")
    lines = [
        *('"""' + words, '"""', ""),
        "from simclr import config as settings",
        "",
        f"config = {_made(config, Config(), '')}",
        "",
    ]
    return "\n".join(lines)


def _made(part, default, indent):
    """The call that makes a part of a config."""
    inner, lines = indent + "    ", []
    for field in dataclasses.fields(part):
        value, usual = getattr(part, field.name), getattr(default, field.name)
        if value != usual:
            said = (
                _made(value, usual, inner)
                if dataclasses.is_dataclass(value)
                else _spelled(value)
            )
            lines.append(f"{inner}{field.name}={said},\n")
    name = f"settings.{type(part).__name__}"
    return f"{name}(\n{''.join(lines)}{indent})" if lines else f"{name}()"


def _spelled(value):
    """A value in Python; a view's operations are the texts that they are."""
    if isinstance(value, tuple):
        parts = list(map(_spelled, value))
        return f"({', '.join(parts)}{',' * (len(parts) == 1)})"
    if isinstance(value, Op):
        return _spelled(str(value))
    said = repr(value)
    if said[0] == "'" and '"' not in said:
        return f'"{said[1:-1]}"'
    return said
