"""What sub-folders mean: classes, parts of a data set, or neither.

Folders are those of the images alone, with "/" between them and "" for the
root, so that the paths in a ZIP or a tar file are read in the same way.
"""

import os
import re
import typing

import numpy as np

from simclr.data.source import labels_or_none, printable
from simclr.messages.counts import counted, first_few
from simclr.messages.errors import InputError

_TRAIN = re.compile(r"train(ing)?([-_ ]?(set|data|images|imgs))?", re.I)
_SPLIT = re.compile(
    r"(train(ing)?|val(id|idation)?|test(ing)?|dev|eval)"
    r"([-_ ]?(set|data|images|imgs))?",
    re.I,
)
# Images beside the class folders: one, or this share.
_MOST_STRAY = 0.05


class Layout(typing.NamedTuple):
    """What the folders of a source say.

    Attributes:
        part: what the folders of its images begin with, "" or "train/".
        classes: dict of folder -> its class; without the folders of images
            that have none. Empty: no class.
        notes: list of str, what a user should know.
        why: why sub-folders are not taken for classes; "" where they are, or
            where there are none.
    """

    part: str
    classes: dict
    notes: list
    why: str


def find(counts):
    """Finds out what the folders of images mean.

    Args:
        counts: dict of folder -> number of images directly in it.

    Returns:
        Layout.
    """
    inner, wrapper = _without_wrapper(counts)
    tops = sorted({folder.partition("/")[0] for folder in inner} - {""})
    trains = [name for name in tops if _TRAIN.fullmatch(name)]
    if len(trains) == 1 and all(map(_SPLIT.fullmatch, tops)) and len(tops) > 1:
        part = f"{trains[0]}/"
        found = find(_below(inner, part))
        if found.classes:
            others = ", ".join(name for name in tops if name != trains[0])
            return _inside(
                wrapper + part,
                found,
                f"{wrapper}{trains[0]} is taken, not its neighbours: {others}",
            )
        return Layout("", {}, [], f"{', '.join(tops)} are parts of a data set")
    classes, why, notes = _classes(inner, tops)
    if not classes:
        return Layout("", {}, [], why)
    if wrapper:
        notes = [f"the classes are the sub-folders of {wrapper[:-1]}", *notes]
    return _inside(wrapper, Layout("", classes, notes, ""))


def label(source, layout, folders, counts=None):
    """Gives a source the classes of a layout, or says why it has none.

    Args:
        source: Source, changed in place.
        layout: Layout.
        folders: list of str, the folder of each image.
        counts: list of int, how many images each of `folders` stands for;
            None: one.
    """
    source.notes += layout.notes
    if layout.why:
        source.why_unlabelled = (
            f"sub-folders are not taken for classes: {layout.why}; "
            "--classes=folders takes each for one"
        )
        source.notes.append(source.why_unlabelled)
    if not layout.classes:
        return
    names = sorted(set(layout.classes.values()))
    number = {name: i for i, name in enumerate(names)}
    labels = np.array(
        [number.get(layout.classes.get(f), -1) for f in folders], np.int32
    )
    source.labels = labels if counts is None else np.repeat(labels, counts)
    source.class_names = [printable(name) for name in names]


def by_id(source):
    """Takes each folder for a class, whatever their depth and number.

    Args:
        source: Source whose ids are paths.

    Returns:
        labels: int32 [num], -1 for images at the root; class_names: list of
        str, the folders' paths below what all of them share.

    Raises:
        InputError: no image lies in a sub-folder.
    """
    folders = [source.id(i).rpartition("/")[0] for i in range(len(source))]
    names = sorted(set(folders) - {""})
    if not names:
        raise InputError(
            f"{source.name} has no sub-folder for --classes=folders to take."
        )
    shared = os.path.commonpath(names) if len(names) > 1 else ""
    number = {"": -1} | {name: i for i, name in enumerate(names)}
    labels = np.array([number[folder] for folder in folders], np.int32)
    start = len(shared) + 1 if shared else 0
    return labels_or_none(labels), [name[start:] or name for name in names]


def _without_wrapper(counts):
    """The folders below the one that holds them all, and its path with "/"."""
    wrapper = ""
    while True:
        tops = {folder.partition("/")[0] for folder in counts}
        top = next(iter(tops), "")
        deeper = any("/" in folder for folder in counts)
        # More than a stray image in it: it is a folder of images itself.
        if len(tops) != 1 or not top or not deeper:
            return counts, wrapper
        if counts.get(top, 0) > _most_stray(counts):
            return counts, wrapper
        counts = _below(counts, f"{top}/")
        wrapper += f"{top}/"


def _most_stray(counts):
    return max(1, int(_MOST_STRAY * sum(counts.values())))


def _below(counts, part):
    """The folders below one, from there; its own images are of ""."""
    inner = {
        folder.removeprefix(part): count
        for folder, count in counts.items()
        if folder.startswith(part)
    }
    own = counts.get(part[:-1])
    return {"": own, **inner} if own else inner


def _inside(part, layout, *notes):
    """A layout as it is seen from outside."""
    return Layout(
        part + layout.part,
        {
            (part + folder).rstrip("/"): name
            for folder, name in layout.classes.items()
        },
        [*notes, *layout.notes],
        "",
    )


def _classes(counts, tops):
    """(dict of folder -> class, why there is none, notes)."""
    if not tops:
        return {}, "", []
    total = sum(counts.values())
    direct = [name for name in tops if name in counts]
    # In a folder of a class, or deeper in one.
    within = {f: f.partition("/")[0] for f in counts if f}
    stray = counts.get("", 0)
    deep = {f: n for f, n in counts.items() if "/" in f}
    most = _most_stray(counts)
    if len(tops) == 1:
        return {}, f"there is one alone, {tops[0]}", []
    if all(map(_SPLIT.fullmatch, tops)):
        return {}, f"{', '.join(tops)} are parts of a data set", []
    if sum(deep.values()) > most or len(direct) < len(tops):
        some = sum(deep.values())
        why = f"{some:,} of {total:,} images lie deeper, in {first_few(deep)}"
        return {}, why, []
    if stray > most:
        return {}, f"{stray:,} of {total:,} images lie beside them", []
    if total - stray < 2 * len(tops):
        why = f"{len(tops):,} hold {counted(total - stray, 'image')}"
        return {}, f"{why}, fewer than two each", []
    notes = []
    if stray:
        notes = [
            f"{counted(stray, 'image')} beside the class folders: no class"
        ]
    return within, "", notes
