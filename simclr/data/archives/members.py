"""Which members of an archive are images, and what the others are."""

import collections
import typing

from simclr.data.folders import class_folders, left_out
from simclr.data.images.formats import EXTENSIONS
from simclr.data.sources.manifest import BY_THE_WAY, extension_of
from simclr.messages.errors import InputError


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


def sort(names):
    """Tells the images of an archive from what else is in it.

    Args:
        names: list of str, paths with "/".

    Returns:
        Members.
    """
    images = []
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
        elif extension in EXTENSIONS:
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
    if not members.images:
        there = left_out.counts(members.others) or "nothing"
        raise InputError(f"{spec!r} holds no image, but {there}.")
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


def folder_of(name):
    """The folder of a member, "" for none; "./" before it does not count."""
    return name.removeprefix("./").rpartition("/")[0]
