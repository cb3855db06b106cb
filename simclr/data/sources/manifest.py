"""Which images lie under a folder, listed once and remembered.

A folder's modification time changes when an entry is added, removed or
renamed, so a second look costs one stat per folder and lists only the folders
that changed.
"""

import json
import os
import time

from simclr.storage import cache, json_text

EXTENSIONS = frozenset(
    ["jpg", "jpeg", "jpe", "jfif", "png", "gif", "bmp", "webp"]
)
# A folder changed again within the clock tick of its listing would keep its
# time of change; times this young are not trusted (FAT counts in 2 s).
_SETTLED_NS = 3_000_000_000
_VERSION = 2
# A folder that holds these is a run (simclr/runs/folder.py).
_RUN = frozenset(["config.json", "run.json"])


class Manifest:
    """The images under a folder.

    Attributes:
        folders: dict of folder -> sorted list of image names in it; folders
            relative to the root with forward slashes, "" the root itself, in
            sorted order, only those with images.
        unreadable: list of (folder, reason) that could not be listed.
        others: dict of extension -> number of files that are no images.
    """

    def __init__(self, listings, unreadable):
        self.folders = {
            folder: listing.images.split("/")
            for folder, listing in sorted(listings.items())
            if listing.images
        }
        self.unreadable = sorted(unreadable)
        self.others = {}
        for listing in listings.values():
            for extension, count in listing.others.items():
                self.others[extension] = self.others.get(extension, 0) + count


class _Listing:
    """What one folder holds. `images` are names joined by "/"."""

    __slots__ = ("changed_ns", "images", "links", "others", "subfolders")

    def __init__(self, changed_ns, subfolders, links, images, others):
        self.changed_ns = changed_ns
        self.subfolders = subfolders
        self.links = links
        self.images = images
        self.others = others

    def to_json(self):
        return [getattr(self, name) for name in _FIELDS]


_FIELDS = ("changed_ns", "subfolders", "links", "images", "others")


def list_images(root):
    """Lists the images under a folder, at any depth.

    Hidden files and folders (a leading dot: `.thumbnails`, macOS's `._x.jpg`)
    are left out, and so are run folders of this package with their pictures.
    Links are followed; each real folder is listed once, so a loop of links
    ends.

    Args:
        root: path of a folder.

    Returns:
        Manifest.
    """
    root = os.path.abspath(root)
    path = cache.path_for("manifest.json", _VERSION, root)
    known = _load(path)
    listings, unreadable = _walk(root, known)
    old = {name: listing.to_json() for name, listing in known.items()}
    new = {name: listing.to_json() for name, listing in listings.items()}
    if old != new:
        cache.write(path, json.dumps(new).encode())
    return Manifest(listings, unreadable)


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
            unreadable.append((folder, error.strerror or str(error)))
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
    subfolders, links, images, others = [], [], [], {}
    files = set()
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name
            files.add(name)
            if name.startswith("."):
                continue
            _, dot, extension = name.rpartition(".")
            extension = extension.lower() if dot else ""
            # A link that is called an image counts as one without a look at
            # its target: a farm of a million links would cost a stat each.
            if extension in EXTENSIONS and (
                entry.is_symlink() or entry.is_file()
            ):
                images.append(name)
            elif entry.is_dir():
                (links if entry.is_symlink() else subfolders).append(name)
            elif extension:
                # x.tfrecord-00000-of-00005 counts as tfrecord.
                extension = extension.partition("-")[0]
                others[extension] = others.get(extension, 0) + 1
    if files >= _RUN:
        subfolders, links, images, others = [], [], [], {}
    return _Listing(
        changed_ns,
        sorted(subfolders),
        sorted(links),
        "/".join(sorted(images)),
        others,
    )
