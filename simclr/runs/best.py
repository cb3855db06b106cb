"""The best weights of a run that began from others, beside the newest.

Such a run can end worse than it began, so they are kept in a run folder of
their own, RUN/best, which every command takes; the start's are the first.

Which are best is said by kNN where there are labels. Where there are none, by a
student's agreement with its teacher; without a teacher, by the effective rank
of the features: it was proposed for this choice (RankMe, Garrido et al. 2023,
arXiv 2210.02885), and no objective here trains it.
Alignment, uniformity and which views match are what the objectives train, so
they cannot tell.
"""

import os

from simclr.runs import checkpoint
from simclr.runs import folder as run_folder

# Scores by which weights are compared: the first that both have; words for it.
_MEASURES = {
    "knn": "kNN",
    "agreement": "agreement with the teacher",
    "effective_rank": "effective rank",
}
START = "start_"  # Begins the names of the start's scores in a row of metrics.


def folder(workdir):
    """The run folder of the best weights of a run."""
    return os.path.join(workdir, "best")


def keep(workdir, step, arrays):
    """Makes arrays the best weights of a run.

    Args:
        workdir: run folder.
        step: int, theirs.
        arrays: dict of "role/variable path" -> variable or array.
    """
    best = folder(workdir)
    os.makedirs(best, exist_ok=True)
    for name in ("run.json", "config.json"):
        with open(os.path.join(workdir, name), encoding="utf-8") as file:
            run_folder.write(best, name, file.read())
    kept = run_folder.checkpoints(best)
    path = checkpoint.save(kept, step, arrays, keep=2)
    for other in checkpoint.paths(kept):
        if other != path:
            os.remove(other)


def chosen(workdir):
    """The run folder to go on with: the best weights, unless they are the last.

    Args:
        workdir: run folder.
    """
    last, kept = (
        [checkpoint.step_of(p) for p in checkpoint.paths(path)][-1:]
        for path in map(run_folder.checkpoints, (workdir, folder(workdir)))
    )
    return folder(workdir) if kept and kept != last else workdir


class Comparison:
    """The start's scores and a run's, and which are the best so far.

    Args:
        rows: list of dict, the rows of metrics that the run has written.
    """

    def __init__(self, rows):
        self.start = {}
        self._best = None  # (step, scores).
        self._last = {}
        for row in rows:
            self._note_start(row)
            if "effective_rank" in row:
                self.add(row["step"], row)

    @property
    def best_step(self):
        """The step of the best scores so far; None before any."""
        return self._best and self._best[0]

    def end(self, step):
        """One line at the last step where other weights are kept; else ""."""
        if self.best_step in (None, step):
            return ""
        at = f"step {self.best_step}" if self.best_step else "the start"
        _, gain = _by(self._last, self._best[1])
        if gain < 0:
            return f"The last weights are worse than those of {at}"
        return f"The last weights are no better than those of {at}"

    def begin(self, baselines):
        """Notes the start's scores, as a row of step 0 has them."""
        self._note_start({"step": 0, **baselines})

    def add(self, step, scores):
        """Notes the scores of a step.

        Returns:
            bool: they are the best so far.
        """
        self._last = scores
        better = self._best is None or _by(scores, self._best[1])[1] > 0
        if better:
            self._best = step, scores
        return better

    def worse(self, scores):
        """One line where scores are below the start's; else ""."""
        measure, gain = _by(scores, self.start)
        if not gain < 0:
            return ""
        step, best = self._best
        at = f"step {step}'s" if step else "the start's"
        return (
            f"Worse than its start: {_MEASURES[measure]} "
            f"{scores[measure]:.3f}, the start's {self.start[measure]:.3f}; "
            f"the best is {at}, {best[measure]:.3f}"
        )

    def _note_start(self, row):
        scores = {
            name.removeprefix(START): value
            for name, value in row.items()
            if name.startswith(START)
        }
        if scores:
            self.start = scores
            self.add(0, scores)


def _by(scores, others):
    """(measure, by how much scores exceed others); ("", 0) without one.

    What is not a number is below all others: such weights are broken.
    """
    for measure in _MEASURES:
        if measure in scores and measure in others:
            mine, theirs = (_number(x[measure]) for x in (scores, others))
            return measure, 0.0 if mine == theirs else mine - theirs
    return "", 0.0


def _number(value):
    """JSON has no NaN: rows hold None for it."""
    return float("-inf") if value is None or value != value else value
