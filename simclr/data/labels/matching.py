"""Which image a name means: as it stands, or as other people spell it."""

import collections
import re
import unicodedata

# What names of images end in, those among them that are not read.
ENDINGS = re.compile(
    r"\.(jpe?g|jpe|jfif|png|gif|bmp|webp|tiff?|avif|hei[cf]|p[bgpn]m|dcm|jp2)$",
    re.IGNORECASE,
)
MISSING, SEVERAL = -1, -2
EXACT = "as they stand"


class Matcher:
    """Finds a source's images by names.

    In this order, the first that fits counts: the id; the file's name and, of
    the folders before it, those that both have; the same in any case and
    Unicode's composed form; the same without its extension. Folders may be
    missing on either side, but none contradicts: train/1.jpg is no image of
    a source that has test/1.jpg.

    Args:
        source: Source.
        root: str, what ids of the source begin with in a store, or "".
    """

    def __init__(self, source, root=""):
        self._root = f"{root}/" if root else ""
        self._ids = [source.id(i) for i in range(len(source))]
        self._index = {name: i for i, name in enumerate(self._ids)}
        self._by_form = {}

    def find(self, name):
        """The image that a name means.

        Args:
            name: str.

        Returns:
            index: int, or MISSING, or SEVERAL.
            how: str, the form in which it was found: "by file name".
        """
        index = self._index.get(name)
        if index is not None:
            return index, EXACT
        plain = name.removeprefix(self._root).replace("\\", "/")
        for text in (plain, plain.strip()):
            index = self._index.get(text.removeprefix("./"))
            if index is not None:
                return index, EXACT
        parts = _parts(plain)
        if not parts:
            return MISSING, ""
        for how, (of_row, of_image) in _FORMS.items():
            for name in of_row(parts[-1]):
                index = self._among(how, of_image, name, parts[:-1])
                if index != MISSING:
                    return index, how
        return MISSING, ""

    def is_id(self, name):
        """The image that a name means, for one, or None."""
        index, _ = self.find(name)
        return index if index >= 0 else None

    def _among(self, how, form, name, folders):
        """The one image of this form whose folders agree the most."""
        table = self._by_form.get(how)
        if table is None:
            table = self._by_form[how] = collections.defaultdict(list)
            for index, image in enumerate(self._ids):
                table[form(image.rpartition("/")[2])].append(index)
        best, found = -1, MISSING
        for index in table.get(name, ()):
            agree = _shared(folders, _parts(self._ids[index])[:-1])
            if agree > best:
                best, found = agree, index
            elif agree == best >= 0:
                found = SEVERAL
        return found


def _parts(path):
    """The folders and the file's name of a path, a list."""
    return [part for part in path.strip().split("/") if part not in ("", ".")]


def _shared(one, other):
    """How many folders at the end two paths share; -1: they contradict."""
    count = 0
    for a, b in zip(reversed(one), reversed(other)):
        if _folded(a) != _folded(b):
            return count if count else -1
        count += 1
    return count


def _folded(text):
    return unicodedata.normalize("NFC", text).casefold().strip()


def _stem(name):
    """Without what follows the last dot."""
    return _folded(name.rpartition(".")[0] or name)


def _stems(name):
    """What a name may be without its extension; "dr.no" has none."""
    names = [_folded(name)]
    return [*names, _stem(name)] if ENDINGS.search(name) else names


# How a row's name is looked up (a list), and how images are listed for it.
_FORMS = {
    "by file name": (lambda name: [name], str.strip),
    "by file name in any case": (lambda name: [_folded(name)], _folded),
    "by file name without extension": (_stems, _stem),
}
