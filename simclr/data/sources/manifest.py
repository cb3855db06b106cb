"""Which images lie under a folder, listed once and remembered.

A folder's modification time changes when an entry is added, removed or
renamed, so a second look costs one stat per folder and lists only the folders
that changed.
"""

import collections
import json
import os
import time

from simclr.data.images import formats, heic
from simclr.messages.errors import reason_of
from simclr.storage import cache, json_text

# A folder changed again within the clock tick of its listing would keep its
# time of change; times this young are not trusted (FAT counts in 2 s).
_SETTLED_NS = 3_000_000_000
_VERSION = 4
# A folder that holds these is a run (simclr/runs/folder.py).
_RUN = frozenset(["config.json", "run.json"])
_A_RUN = "run folders of simclr"
# Thumbnails, bins and what systems leave behind; lower case.
BY_THE_WAY = frozenset(
    [
        *("@eadir", "#recycle", "$recycle.bin", "system volume information"),
        *("__macosx", "lost+found", "thumbs.db", "desktop.ini"),
    ]
)
# What is surely no image, and is not looked into for that.
NO_IMAGES = frozenset(
    [
        *("txt", "csv", "tsv", "json", "jsonl", "xml", "yaml", "yml", "md"),
        *(
            "html",
            "htm",
            "pdf",
            "py",
            "ipynb",
            "log",
            "npy",
            "npz",
            "pt",
            "pth",
        ),
        *("zip", "tar", "gz", "tgz", "bz2", "xz", "7z", "rar", "parquet", "db"),
        *("mp4", "mov", "avi", "mkv", "mp3", "wav", "jp2", *heic.EXTENSIONS),
        *("tfrecord", "tfrecords", "array_record", "arrayrecord", "xlsx"),
        # Cameras' raw photos begin as a TIFF of their thumbnail.
        *("cr2", "cr3", "crw", "nef", "nrw", "arw", "sr2", "srf", "dng", "orf"),
        *("rw2", "pef", "raf", "raw", "srw", "3fr", "fff", "iiq", "x3f", "kdc"),
    ]
)


class Manifest:
    """The images under a folder.

    Attributes:
        folders: dict of folder -> sorted list of image names in it; folders
            relative to the root with forward slashes, "" the root itself, in
            sorted order, only those with images.
        unreadable: list of (folder, reason) that could not be listed.
        others: dict of extension, "" for none, -> number of files that are no
            images.
        by_the_way: dict of name -> how often it was there and left out:
            thumbnails, bins, hidden files and folders.
    """

    def __init__(self, listings, unreadable):
        self.folders = {
            folder: listing.images.split("/")
            for folder, listing in sorted(listings.items())
            if listing.images
        }
        self.unreadable = sorted(unreadable)
        self.others = _sum(x.others for x in listings.values())
        self.by_the_way = _sum(x.by_the_way for x in listings.values())


def _sum(counts):
    """dict of name -> the sum of its counts in many dicts, most first."""
    total = collections.Counter()
    for count in counts:
        total.update(count)
    return dict(sorted(total.items(), key=lambda x: (-x[1], x[0])))


class _Listing:
    """What one folder holds. `images` are names joined by "/"."""

    __slots__ = (
        *("changed_ns", "images", "links", "others", "subfolders"),
        "by_the_way",
    )

    def __init__(
        self, changed_ns, subfolders, links, images, others, by_the_way
    ):
        self.changed_ns = changed_ns
        self.subfolders = subfolders
        self.links = links
        self.images = images
        self.others = others
        self.by_the_way = by_the_way

    def to_json(self):
        return [getattr(self, name) for name in _FIELDS]


_FIELDS = (
    *("changed_ns", "subfolders", "links", "images", "others"),
    "by_the_way",
)


def list_images(root):
    """Lists the images under a folder, at any depth.

    A file is an image by what its name ends in; any other but those that surely
    are none is looked into. Hidden files and folders (a leading dot:
    `.thumbnails`, macOS's `._x.jpg`), thumbnails and bins are left out, and so
    are run folders of this package with their pictures. Links are followed;
    each real folder is listed once, so a loop of links ends.

    Args:
        root: path of a folder.

    Returns:
        Manifest.
    """
    root = os.path.abspath(root)
    path = place(root)
    known = _load(path)
    listings, unreadable = _walk(root, known)
    old = {name: listing.to_json() for name, listing in known.items()}
    new = {name: listing.to_json() for name, listing in listings.items()}
    if old != new:
        cache.write(path, json.dumps(new).encode())
    return Manifest(listings, unreadable)


def place(root):
    """Where the cache file of a folder's listing lies."""
    known = sorted(formats.extensions())
    return cache.path_for("manifest.json", _VERSION, known, root)


def _load(path):
    data = cache.read(path)
    if data is None:
        return {}
    try:
        return {k: _Listing(*v) for k, v in json_text.parse(data).items()}
    except (ValueError, TypeError, AttributeError):  # Damaged: as if absent.
        return {}


def _walk(root, known):
    listings, unreadable, seen = {}, [], set()
    # Folders before links to folders, so that a link never takes a real
    # folder's place in the list.
    folders, links = [""], []
    while folders or links:
        folder = folders.pop() if folders else links.pop()
        path = os.path.join(root, folder)
        try:
            status = os.stat(path)
            identity = status.st_dev, status.st_ino
            if identity in seen:
                continue
            seen.add(identity)
            listing = known.get(folder)
            # A folder put in another's place may have its time of change.
            changed_ns = [status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
            if listing is None or listing.changed_ns != changed_ns:
                listing = _list(path, changed_ns)
        except OSError as error:
            unreadable.append((folder, reason_of(error)))
            continue
        listings[folder] = listing
        prefix = f"{folder}/" if folder else ""
        folders.extend(prefix + name for name in listing.subfolders)
        links.extend(prefix + name for name in listing.links)
        links.sort(reverse=True)
    return listings, unreadable


def _list(path, changed_ns):
    if time.time_ns() - changed_ns[0] < _SETTLED_NS:
        changed_ns = None
    subfolders, links, images = [], [], []
    others, by_the_way = collections.Counter(), collections.Counter()
    files = set()
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name
            files.add(name)
            if name.startswith(".") or name.lower() in BY_THE_WAY:
                by_the_way[_called(entry)] += 1
                continue
            extension = extension_of(name)
            # A link that is called an image counts as one without a look at
            # its target: a farm of a million links would cost a stat each.
            if extension in formats.extensions() and (
                entry.is_symlink() or entry.is_file()
            ):
                images.append(name)
            elif entry.is_dir():
                (links if entry.is_symlink() else subfolders).append(name)
            elif extension not in NO_IMAGES and _is_image(entry):
                images.append(name)
            else:
                # x.tfrecord-00000-of-00005 counts as tfrecord.
                others[extension.partition("-")[0]] += 1
    if files >= _RUN:
        subfolders, links, images, others = [], [], [], {}
        by_the_way = {_A_RUN: 1}
    return _Listing(
        changed_ns,
        sorted(subfolders),
        sorted(links),
        "/".join(sorted(images)),
        dict(others),
        dict(by_the_way),
    )


def extension_of(name):
    _, dot, extension = name.rpartition(".")
    return extension.lower() if dot else ""


def _called(entry):
    """How what is left out is counted: hidden images by what they are."""
    if entry.is_dir():
        return f"{entry.name}/"
    hidden = entry.name.startswith(".")
    if hidden and extension_of(entry.name) in formats.extensions():
        return "hidden images"
    return entry.name


def _is_image(entry):
    """Whether the first bytes of a file of any name are an image's."""
    if not entry.is_file():
        return False
    try:
        with open(entry.path, "rb") as file:
            return formats.is_certain(file.read(formats.HEAD_BYTES))
    except OSError:
        return False
