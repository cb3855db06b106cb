"""Labels from a CSV file: which image is of which class; and few of many."""

import csv

import numpy as np

from simclr.messages.errors import InputError
from simclr.storage import files, tables


def read_labels(path, source, root=""):
    """Reads `id,label` rows and fits them to a source.

    Args:
        path: a UTF-8 CSV file with a header that has id and label; other
            columns are left alone. An id is an image's id in the source
            (in a folder: its path below the folder) or, where only one image
            is called so, its bare file name. An empty label is none. Spaces
            around a cell do not count, but those of a name in quotes do.
        source: Source.
        root: str, what ids of the source begin with in a store: ROOT/ID is an
            id, too.

    Returns:
        labels: int32 [num], -1 for images without a row.
        class_names: list of str: the source's own where the labels are all
            among them (a part of its labels then keeps their numbers), else
            sorted; numbers by their value.

    Raises:
        InputError: bad header, no rows, ids that are unknown, ambiguous or
            labelled twice; says how many.
        OSError: the file cannot be read.
    """
    rows = rows_of(path)
    index_of = {source.id(i): i for i in range(len(source))}
    loosely = {}  # By the file's name, and without spaces at the ends.
    for name, index in index_of.items():
        for other in {name.strip(), name.rpartition("/")[2].strip()}:
            loosely[other] = -1 if other in loosely else index
    classes = set(source.class_names or ())

    named, unknown, ambiguous, twice = {}, [], [], []
    for name, label in rows:
        label = label if label in classes else label.strip()
        plain = name.removeprefix(f"{root}/") if root else name
        plain = plain.replace("\\", "/").removeprefix("./")
        bare = plain.strip().removeprefix("./")
        index = index_of.get(name, index_of.get(plain, index_of.get(bare)))
        if index is None:
            index = loosely.get(bare)
        if index is None:
            unknown.append(name)
        elif index < 0:
            ambiguous.append(name)
        elif named.setdefault(index, label) != label:
            twice.append(name)
    for what, names in (
        (f"are not in {source.name}", unknown),
        ("are the name of several images; give paths", ambiguous),
        ("have two different labels", twice),
    ):
        if names:
            raise InputError(
                f"{path}: {len(names):,} of {len(rows):,} ids {what}, such "
                f"as {names[0]!r}; the source has ids such as "
                f"{source.id(0)!r}."
            )
    class_names = sorted(set(named.values()) - {""}, key=_by_value)
    if not class_names:
        raise InputError(f"{path} labels nothing: {len(rows):,} rows.")
    if set(class_names) <= set(source.class_names or ()):
        class_names = list(source.class_names)
    number = {name: i for i, name in enumerate(class_names)} | {"": -1}
    labels = np.full([len(source)], -1, np.int32)
    for index, label in named.items():
        labels[index] = number[label]
    return labels, class_names


def few_labels(source, fraction, seed=0):
    """Chooses as many images of each class, at random.

    Args:
        source: Source with labels.
        fraction: share of the labelled images; whoever asks has checked it.
        seed: int.

    Returns:
        int64 [m] rows, sorted: of each class round(fraction * labelled images
        / classes), at least one, or all where it has fewer.

    Raises:
        InputError: no labels.
    """
    if source.labels is None:
        raise InputError(
            f"--label_fraction takes a part of the labels, and {source.name} "
            "has none: give --labels=labels.csv."
        )
    rng = np.random.default_rng(seed)
    present = np.unique(source.labels[source.labels >= 0])
    count = np.sum(source.labels >= 0)
    each = max(1, round(fraction * count / len(present)))
    rows = [
        rng.permutation(np.flatnonzero(source.labels == label))[:each]
        for label in present
    ]
    return np.sort(np.concatenate(rows))


def to_csv(source, rows):
    """The text of a labels.csv of some images of a source."""
    lines = [tables.line(["id", "label"])]
    for row in rows:
        name = source.class_names[source.labels[row]]
        lines.append(tables.line([source.id(int(row)), name]))
    return "".join(lines)


def align(source, class_names):
    """Gives a source's labels the numbers that a classifier knows them by.

    Args:
        source: Source, changed in place; without labels it stays as it is.
        class_names: list of str, the classifier's.

    Raises:
        InputError: the source has classes that the classifier does not know.
    """
    if source.labels is None or source.class_names == class_names:
        return
    number = {name: i for i, name in enumerate(class_names)}
    labels, unknown = numbered(source, number, unknown=-1)
    if unknown:
        raise InputError(
            f"{source.name} has classes that are not the classifier's "
            f"{len(class_names)} ({', '.join(class_names[:3])}, ...), such as "
            f"{next(iter(unknown))!r}."
        )
    source.labels, source.class_names = labels, list(class_names)


def numbered(source, number, *, unknown):
    """A source's labels as somebody else numbers the classes.

    Args:
        source: Source with labels.
        number: dict of class name -> int.
        unknown: int, for classes that are not there.

    Returns:
        labels: int32 [num], -1 where there is none.
        dict of the classes that are not there -> how many images they have.
    """
    counts = np.bincount(
        source.labels[source.labels >= 0], minlength=len(source.class_names)
    )
    table = [number.get(name, unknown) for name in source.class_names]
    return np.array([*table, -1], np.int32)[source.labels], {
        name: int(count)
        for name, count in zip(source.class_names, counts)
        if count and name not in number
    }


def rows_of(path):
    """The rows of a labels.csv: list of (id, label), as they stand there.

    Raises:
        InputError: it is none.
        OSError: it cannot be read.
    """
    try:
        with open(files.expand(path), newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            header = [name.strip() for name in reader.fieldnames or []]
            if "id" not in header or "label" not in header:
                raise InputError(
                    f"{path} begins with {','.join(header)!r}; its first line "
                    "must name the columns id,label."
                )
            reader.fieldnames = header
            return [(row["id"] or "", row["label"] or "") for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a UTF-8 CSV file: {error}") from None


def _by_value(name):
    """Sorts "2" before "10", and numbers before words."""
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)
