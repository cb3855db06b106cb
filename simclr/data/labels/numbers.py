"""Labels as somebody else numbers the classes."""

import numpy as np

from simclr.messages.errors import InputError


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


def of_names(names):
    """Labels of images whose classes are told by name.

    Args:
        names: list of str, one an image; "" for none.

    Returns:
        labels: int32 [num], -1 for none.
        class_names: list of str, sorted; numbers by their value.
    """
    class_names = sorted(set(names) - {""}, key=by_value)
    number = {name: i for i, name in enumerate(class_names)} | {"": -1}
    return np.array([number[name] for name in names], np.int32), class_names


def by_value(name):
    """Sorts "2" before "10", and numbers before words."""
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)
