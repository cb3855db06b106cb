"""Writes a page: one file, or a folder of tiles where images are many."""

import base64
import contextlib
import dataclasses
import os
import re

from simclr.explore.page import contents, sprites, tiles
from simclr.explore.page import rows as rows_of
from simclr.explore.page.document import document, to_json
from simclr.messages.errors import InputError
from simclr.messages.progress import progress_bar
from simclr.storage.whole import finish_any, scratch_folder, write_whole

MOST_INSIDE = 20_000  # Images of a page that is one file.
_TILES = "tiles"
_TILE = re.compile(r"\d+\.(js|jpg)")


@dataclasses.dataclass(frozen=True)
class Page:
    """What was written.

    Attributes:
        path: str, of the HTML file.
        count: int, images.
        files: int, tiles beside it; 0: all is in the one file.
        bytes: int, of all files.
        clusters: list of int, ids of the clusters that are shown.
    """

    path: str
    count: int
    files: int
    bytes: int
    clusters: list


def write(
    store,
    layout,
    path,
    *,
    title,
    where=None,
    colour="cluster",
    most_inside=MOST_INSIDE,
    connect=False,
):
    """Writes a page of a store's live images.

    Args:
        store: Store.
        layout: layout.Layout.
        path: of the HTML file; its tiles, where there are more than
            `most_inside` images, are in the folder `tiles` beside it.
        title: str.
        where: as rows.read.
        colour: what points are coloured by at first: "cluster", "label",
            "prediction", "novelty" or "day".
        most_inside: int.
        connect: as document.document.

    Returns:
        Page.

    Raises:
        InputError: fewer than two images, or the folder of tiles holds
            something else.
    """
    folder = os.path.join(os.path.dirname(path), _TILES)
    others = _others(folder)
    rows = rows_of.read(store, layout, where)
    order, split = tiles.split(rows.place)
    rows = rows.ordered(order)
    overview = contents.overview(store, rows, split, title=title, colour=colour)
    inside = len(rows) <= most_inside
    if others and not inside:
        raise InputError(
            f"{folder} holds something else, {others[0]!r}, and would be "
            "written over: choose another folder for the page, or move it."
        )
    os.makedirs(os.path.dirname(path), exist_ok=True)
    kept, size = [], 0
    with scratch_folder(folder) as aside:
        for number, tile in enumerate(progress_bar(split, desc="Tiles")):
            part = slice(tile.start, tile.start + tile.count)
            picture, sizes = sprites.sheet(store, rows.number[part])
            told = contents.tile(rows, tile, overview["clusters"], sizes)
            if inside:
                kept.append(told | {"sheet": _address(picture)})
                continue
            name = f"{number}.jpg" if picture else None
            told["sheet"] = name and f"{_TILES}/{name}"
            text = f"simclrTile({number},{to_json(told)});\n".encode()
            files = {f"{number}.js": text} | ({name: picture} if name else {})
            for file, content in files.items():
                _write(os.path.join(aside, file), content)
                size += len(content)
        if not inside:
            finish_any(aside, folder)
    text = document(overview, kept, connect=connect)
    write_whole(path, text)
    if inside:
        _remove_tiles(folder)
    return Page(
        path,
        len(rows),
        0 if inside else len(split),
        size + len(text.encode()),
        [one["id"] for one in overview["clusters"]],
    )


def _address(picture):
    """A picture as an address that holds it; None: there is no picture."""
    if picture is None:
        return None
    return f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"


def _others(folder):
    """What is no tile in a folder, sorted: a tile's picture has its script."""
    names = set(os.listdir(folder)) if os.path.isdir(folder) else set()
    return sorted(
        name
        for name in names
        if not _TILE.fullmatch(name)
        or os.path.splitext(name)[0] + ".js" not in names
    )


def _remove_tiles(folder):
    """Removes the tiles of a page before; files of other names stay."""
    if not os.path.isdir(folder):
        return
    for name in set(os.listdir(folder)) - set(_others(folder)):
        os.unlink(os.path.join(folder, name))
    with contextlib.suppress(OSError):  # Something else is in it.
        os.rmdir(folder)


def _write(path, content):
    with open(path, "wb") as file:
        file.write(content)
