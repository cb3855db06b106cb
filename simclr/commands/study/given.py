"""What a user gives a study: scale, images, few labels; what is done."""

import dataclasses
import fnmatch
import os

from simclr import config as config_lib
from simclr.commands.train import train_data
from simclr.config import Data
from simclr.data.sources import idx
from simclr.data.sources.registry import absolute
from simclr.messages.errors import InputError
from simclr.storage import json_text
from simclr.studies.grid import Cell
from simclr.studies.study import DOCS, FULL, QUICK, SEEDS, Images

TABLE = "study"  # Name of the table in a study's folder.


def scale(quick, full):
    """One of SCALES.

    Raises:
        InputError: both are wanted.
    """
    if quick and full:
        raise InputError("Say --quick or --full, not both.")
    return QUICK if quick else FULL if full else DOCS


def seeds(scale, count):
    """The seeds of a study, list of int.

    Args:
        scale: of SCALES.
        count: how many, int >= 0; 0: as many as the scale's.
    """
    return list(range(count or SEEDS[scale]))


def workdir(name, scale):
    """Where a study's runs lie where the user says nothing."""
    return os.path.join("runs", f"study_{name}_{scale}")


def labels(study, seeds, workdir):
    """The files of few labels that a study needs.

    Args:
        study: Study.
        seeds: list of int.
        workdir: absolute folder.

    Returns:
        dict of (share, seed) -> path of a labels.csv.
    """
    return {
        (share, seed): os.path.join(
            workdir, f"labels-{share:g}-seed_{seed}", "labels.csv"
        )
        for share in study.shares
        for seed in seeds
    }


def cells(study, scale, images, seeds):
    """Its cells, dict of name -> Cell, those of one seed after another.

    So a study that stops early, or takes more seeds, has whole seeds.
    """
    found = study.cells(scale, images, seeds)
    return dict(sorted(found.items(), key=lambda item: item[1].place["seed"]))


def chosen(cells, patterns):
    """The cells whose name fits a pattern, and those that they start from.

    Args:
        cells: dict of name -> Cell.
        patterns: list of str, `*` for any letters; empty: all cells.

    Raises:
        InputError: a pattern that fits no name.
    """
    wanted = set() if patterns else set(cells)
    for pattern in patterns:
        fits = fnmatch.filter(cells, pattern)
        if not fits:
            raise InputError(
                f"--only={pattern} fits no run. The names are "
                f"{', '.join(cells)}."
            )
        wanted.update(fits)
    for name, cell in reversed(cells.items()):  # Origins come before.
        if name in wanted:
            wanted.update(set(cell.config.origins) & set(cells))
    return {name: cell for name, cell in cells.items() if name in wanted}


def ready(cells, overrides):
    """The cells under overrides, their images by absolute paths.

    Args:
        cells: dict of name -> Cell.
        overrides: list of KEY=VALUE over every cell.

    Raises:
        InputError: an override that fits no setting, or a bad value.
    """
    found = {}
    for name, cell in cells.items():
        config = config_lib.override(cell.config, overrides)
        data = train_data.absolute(config.data)
        found[name] = Cell(dataclasses.replace(config, data=data), cell.place)
    return found


def images(scale, digits, photos, eval_photos, labels):
    """The images of a study, study.Images by absolute paths.

    Args:
        scale: of SCALES.
        digits: folder of IDX files, or "".
        photos, eval_photos: words of images, or "".
        labels: as from `labels`.

    Raises:
        InputError: images to train on without some to score, or the other way
            round; or folders that are not there.
    """
    if bool(photos) != bool(eval_photos):
        raise InputError(
            "--images and --eval_images, held-out labelled images, go together."
        )
    train_data.require_there(photos, eval_photos)
    changes = {"labels": labels}
    if photos:
        changes |= {"train": absolute(photos), "test": absolute(eval_photos)}
    if digits:
        found = idx.find(digits)
        changes |= {"digits": found["train"], "test_digits": found["test"]}
    return dataclasses.replace(Images.at(scale), **changes)


def write_labels(images, strategy):
    """Writes the files of few labels, where they are not there yet.

    Args:
        images: study.Images.
        strategy: tf.distribute strategy; its chief writes.

    Raises:
        InputError: a folder holds others, or the images have no labels.
    """
    for (share, seed), path in images.labels.items():
        train_data.write_labels(
            Data(source=images.train),
            share,
            seed,
            os.path.dirname(path),
            strategy,
        )


def done_before(workdir):
    """(rows, number of cells) of a study's folder.

    ([], 0) where there is no table, or a damaged one.
    """
    try:
        facts = json_text.read(os.path.join(workdir, f"{TABLE}.json"))
        rows, cells = facts["rows"], facts["cells"]
    except (OSError, ValueError, TypeError, KeyError):
        return [], 0
    whole = isinstance(rows, list) and isinstance(cells, int)
    return (rows, cells) if whole else ([], 0)
