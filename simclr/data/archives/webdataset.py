"""Samples of WebDataset (github.com/webdataset/webdataset): files of one stem.

00017.jpg   the image
00017.cls   its class, a number or a word
00017.json  or a label in there
"""

import collections

from simclr.data.archives.members import Members
from simclr.storage import json_text

_CLASS = ("cls", "cls.txt")
# Of a .json file, the first that is there.
_KEYS = (
    *("label_name", "class_name", "label", "cls", "class", "class_id"),
    *("label_id", "category", "target"),
)
_MOST_BYTES = 1 << 20  # No label is longer.
_OF_SAMPLES = frozenset(["cls", "json", "txt"])


def labels(found, read):
    """The labels of a file's members.

    Args:
        found: list of [name, offset, size].
        read: function of an offset and a size to bytes.

    Returns:
        list of str, one a member; "" for those without, and for what cannot
        be the image of a sample.
    """
    told = collections.defaultdict(dict)
    for name, offset, size in found:
        stem, kind = _parts(name)
        if (kind in _CLASS or kind == "json") and size <= _MOST_BYTES:
            told[stem][kind] = offset, size
    if not told:
        return [""] * len(found)
    texts = {stem: _label(parts, read) for stem, parts in told.items()}
    return [
        texts.get(stem, "") if _may_be_image(kind) else ""
        for stem, kind in map(_parts, (row[0] for row in found))
    ]


def samples(members, names):
    """The members of samples: one image each, its label and its caption.

    Args:
        members: Members.
        names: list of str, of all of them.

    Returns:
        Members, whose images are those directly after the stem: 17.jpg is the
        image of sample 17, and 17.mask.png is another part of it.
    """
    others = collections.Counter(
        {
            extension: count
            for extension, count in members.others.items()
            if extension not in _OF_SAMPLES
        }
    )
    images = []
    for i in members.images:
        kind = _parts(names[i])[1]
        if _may_be_image(kind):
            images.append(i)
        else:
            others[kind] += 1
    return Members(images, dict(others.most_common()), members.by_the_way)


def _may_be_image(kind):
    """Whether a sample's own image is called so, if it is an image."""
    return "." not in kind and kind not in _OF_SAMPLES


def _parts(name):
    """(stem, kind) of a member: what stands before and after the first dot."""
    folder, slash, file = name.rpartition("/")
    stem, _, kind = file.partition(".")
    return folder + slash + stem, kind.lower()


def _label(parts, read):
    for kind in _CLASS:
        if kind in parts:
            data = read(*parts[kind])
            return data.decode("utf-8", "replace").strip()
    try:
        said = json_text.parse(read(*parts["json"]))
    except ValueError:  # Damaged: an image without a label.
        return ""
    if not isinstance(said, dict):
        return ""
    values = [said[key] for key in _KEYS if key in said]
    plain = [x for x in values if isinstance(x, str | int | float) and x != ""]
    if not plain:
        return ""
    label = plain[0]
    whole = isinstance(label, float) and label.is_integer()
    return str(int(label) if whole else label)
