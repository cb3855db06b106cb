"""Which members of an archive are images, and what the others are."""

import collections
import os
import typing

from simclr.data.folders import class_folders, left_out
from simclr.data.images.formats import extensions
from simclr.data.sources.manifest import BY_THE_WAY, NO_IMAGES, extension_of
from simclr.messages.errors import InputError
from simclr.storage import files


def files_of(pattern, name, ending):
    """The files that the words of a user mean.

    Args:
        pattern: glob, a file, or a folder: its files of this ending.
        name: the words of the user.
        ending: str, ".tar".

    Returns:
        list of str, sorted paths.

    Raises:
        OSError: there is none.
    """
    pattern = files.absolute(pattern)
    if os.path.isdir(pattern):
        pattern = os.path.join(pattern, f"*{ending}")
    paths = files.glob_files(pattern)
    if not paths:
        raise FileNotFoundError(f"{name}: no file matches.")
    return paths


class Members(typing.NamedTuple):
    """What an archive holds.

    Attributes:
        images: list of int, the numbers of the images, in the order of their
            names.
        others: dict of extension -> number of members that are no images.
        by_the_way: dict of name -> number of members left out: thumbnails,
            bins, hidden ones.
    """

    images: list
    others: dict
    by_the_way: dict


def may_be_image(name):
    """Whether a member is to be looked into: its name does not tell."""
    extension = extension_of(name.rpartition("/")[2])
    return extension not in extensions() and extension not in NO_IMAGES


def sort(names, looked_into):
    """Tells the images of an archive from what else is in it.

    Args:
        names: list of str, paths with "/".
        looked_into: set of int, the numbers of those members that may be an
            image by their name and are one by their bytes.

    Returns:
        Members.
    """
    images, known = [], extensions()
    others, by_the_way = collections.Counter(), collections.Counter()
    for number, name in enumerate(names):
        parts = name.strip("/").split("/")
        hidden = [
            part
            for part in parts
            if part.lower() in BY_THE_WAY
            or (part.startswith(".") and part != ".")
        ]
        extension = extension_of(parts[-1])
        if hidden:
            by_the_way[hidden[0]] += 1
        elif extension in known or number in looked_into:
            images.append(number)
        else:
            others[extension] += 1
    images.sort(key=names.__getitem__)
    return Members(
        images, dict(others.most_common()), dict(by_the_way.most_common())
    )


def take(source, members, names, spec):
    """The images that are a source's, which gets their classes and notes.

    Args:
        source: Source, changed in place.
        members: Members.
        names: list of str, of all members.
        spec: the words of the user.

    Returns:
        list of int, numbers of members.

    Raises:
        InputError: there is no image.
    """
    require_images(members, spec)
    folders = [folder_of(names[i]) for i in members.images]
    layout = class_folders.find(collections.Counter(folders))
    taken = [
        (number, folder)
        for number, folder in zip(members.images, folders)
        if f"{folder}/".startswith(layout.part)
    ]
    class_folders.label(source, layout, [folder for _, folder in taken])
    source.notes += left_out.notes(members)
    return [number for number, _ in taken]


def require_images(members, spec):
    """Raises InputError where there is no image; what there is, it says."""
    if not members.images:
        there = left_out.counts(members.others) or "nothing"
        raise InputError(f"{spec!r} holds no image, but {there}.")


def folder_of(name):
    """The folder of a member, "" for none; "./" before it does not count."""
    return name.removeprefix("./").rpartition("/")[0]
