"""A study of a paper: its runs, how each is scored, its figure, what it shows.

A study is a file beside this that sets STUDY; the table in registry.py names
it. Everything is trained by a grid (grid.py), so a study resumes.
"""

import dataclasses
import itertools
import re
from collections.abc import Callable

from simclr.config import Data, settled
from simclr.studies.grid import Cell

# How large: minutes on 2 cores and one seed; hours on them and three seeds,
# for the docs; the paper's own settings, for an accelerator.
QUICK, DOCS, FULL = SCALES = ("quick", "docs", "full")
SEEDS = {QUICK: 1, DOCS: 3, FULL: 1}  # How many, where the user says nothing.

# What a linear probe sits on, or whose answers are scored.
FEATURES = "features"  # h.
PROJECTION = "projection"  # z, what comes out of the projection head.
CLASSIFIER = "classifier"  # The run's own answers.
ONLINE = "online"  # The probe that learnt beside the run, from features.


@dataclasses.dataclass(frozen=True)
class Images:
    """The images that a study runs on, words that open_source takes.

    Attributes:
        train, test: photos to train on, and labelled ones to score.
        digits, test_digits: small grey pictures in ten classes.
        labels: dict of (share of the labels, seed) -> path of a labels.csv;
            what is not in it has all labels.
    """

    train: str = "sample/train"
    test: str = "sample/test"
    digits: str = "sample/train"
    test_digits: str = "sample/test"
    labels: dict = dataclasses.field(default_factory=dict)

    @classmethod
    def at(cls, scale):
        """Those of a scale where the user names none."""
        if scale != FULL:
            return cls()
        return cls(
            "tfds:imagenet2012/train",
            "tfds:imagenet2012/validation",
            "tfds:mnist/train",
            "tfds:mnist/test",
        )


@dataclasses.dataclass(frozen=True)
class Score:
    """One number of a run: top-1, and top-5 of ten classes and more.

    Attributes:
        of: FEATURES, PROJECTION, CLASSIFIER or ONLINE.
        data: config.Data: what a probe is fitted on, what is scored.
    """

    of: str
    data: Data


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether the paper's finding appears.

    Attributes:
        appears: bool; None: the runs that would tell are not there.
        words: a sentence with the numbers.
    """

    appears: bool | None
    words: str

    @property
    def finding(self):
        """A few words on whether it appears."""
        return {
            True: "the finding appears",
            False: "the finding does not appear",
            None: "not all of the runs that tell are there",
        }[self.appears]


@dataclasses.dataclass(frozen=True)
class Study:
    """The facts of a study.

    Attributes:
        title: one line, for the figure and the list.
        paper: authors, year and arXiv number.
        figure: which figure or table of the paper it is.
        finding: a sentence, what the paper found.
        cells: function (scale, Images, seeds: list of int) -> dict of name ->
            grid.Cell.
        scores: function (Cell, Images) -> dict of column -> Score.
        draw: function (path, rows=list of dict) that draws the figure.
        verdict: function (rows) -> Verdict.
        minutes: dict of scale -> about how many, quick on one core, docs on
            two; full: none.
        published: function of a row (dict) to the paper's number for its
            place, a share, or None.
        shares: shares of the labels, for Images.labels.
        deviations: str, where it is not as the paper; "" where it is.
    """

    title: str
    paper: str
    figure: str
    finding: str
    cells: Callable
    scores: Callable
    draw: Callable
    verdict: Callable
    minutes: dict
    published: Callable = lambda row: None
    shares: tuple = ()
    deviations: str = ""


def table(axes, make, name="{}"):
    """A cell for each combination of the axes' values.

    Args:
        axes: dict of name -> list of values.
        make: function of a value of each axis, by name, to a Config; None:
            there is no such cell.
        name: pattern of a cell's name, such as "supervised-{}".

    Returns:
        dict of name -> Cell, the last axis fastest.

    Raises:
        InputError: a Config that is not valid.
    """
    cells = {}
    for values in itertools.product(*axes.values()):
        place = dict(zip(axes, values))
        config = make(**place)
        if config is not None:
            words = "-".join(f"{key}_{value}" for key, value in place.items())
            words = re.sub(r"[^A-Za-z0-9_.-]+", "_", words)
            cells[name.format(words)] = Cell(settled(config), place)
    return cells


def changed(config, **parts):
    """A Config with some values replaced.

    Args:
        config: Config.
        **parts: part -> dict of its new values, model={"depth": 50}; or a
            value of Config itself.
    """
    for key, value in parts.items():
        if isinstance(value, dict):
            parts[key] = dataclasses.replace(getattr(config, key), **value)
    return dataclasses.replace(config, **parts)


def probe(cell, images):
    """The score of most runs: the encoder's linear probe on its own images.

    The images are those that the run names: `images` counts for nothing here.
    """
    del images
    return {"top1": Score(FEATURES, cell.config.data)}


def own(cell, images):
    """A classifier's own answers, an encoder's linear probe."""
    of = CLASSIFIER if cell.config.classifies else FEATURES
    return probe(cell, images) | {"top1": Score(of, cell.config.data)}
