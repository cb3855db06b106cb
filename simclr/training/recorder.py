"""What a training process shows and keeps: the chief's part, and a worker's."""

import os

from simclr.evaluation.split import few
from simclr.messages.counts import counted
from simclr.messages.progress import Progress
from simclr.runs import best, checkpoint, metrics
from simclr.runs import folder as run_folder
from simclr.runs.unreadable import UnreadableImages
from simclr.training import baselines
from simclr.training.classifier_monitor import ClassifierMonitor
from simclr.training.monitor import Monitor
from simclr.training.tensorboard import Writer


class Recorder:
    """Writes the run folder and moves the progress bar.

    A context manager, open while the run goes on.

    Args:
        config: the Config.
        reader: Reader of the training images.
        class_names: list of str, or None.
        task: the task being trained.
        strategy: tf.distribute strategy, or PjrtDevices.
        workers: workers.Workers.
        workdir: run folder.
        step: int, step of the first batch.
        evaluated: whether its evaluation is behind the run.
        on_row: function, called with each row of metrics, a dict.
        ask: function of the error that the run is to end with, once it has
            saved.
    """

    def __init__(
        self,
        config,
        reader,
        class_names,
        task,
        strategy,
        workers,
        workdir,
        step,
        *,
        evaluated=False,
        on_row=lambda row: None,
        ask=lambda reason: None,
    ):
        self._on_row = on_row
        self._config, self._task = config, task
        self._workdir = workdir
        self._checkpoints = run_folder.checkpoints(workdir)
        self._num_examples = len(reader.source)
        if step < task.total_steps:
            checkpoint.require_room(
                checkpoint.path_of(self._checkpoints, step + 1), task.state
            )
        self._writer = Writer(workdir, step, again=not evaluated)
        self._monitor = _monitor(
            config, reader, class_names, task, strategy, workers
        )
        self._unreadable_images = UnreadableImages(
            reader, workdir, config.data.max_bad_share, ask=ask
        )
        self._unreadable_eval = None
        if self._monitor.eval_reader is not None:
            self._unreadable_eval = UnreadableImages(
                *(self._monitor.eval_reader, workdir, 1.0),
                name="unreadable_eval",
            )
        self._few = ""
        self._bar = Progress(task.total_steps, step, config.batch_size)
        if self._monitor.note:
            self._bar.say(f"Note: {self._monitor.note}.")
        rows = _rows(workdir)
        written = baselines.written(rows)
        self._comparison = None
        if config.init and not config.classifies:
            self._comparison = best.Comparison(rows)
            if step == 0:
                self._keep_best(step)
        self._baselines = baselines.known(self._monitor, workers, written)
        if self._baselines and not written:
            self._write_baselines()

    def progress(self, step, means, images_per_second):
        """Moves the bar; means of scalars since the last row, and the speed,
        None before it is known."""
        shown = {
            self._task.words(name): means[name]
            for name in self._task.scalars[:2]
        }
        self._bar.update(step, images_per_second, **shown)
        run_folder.require_still_there(self._workdir)
        self._unreadable_images.check()

    def log(self, step, means, images_per_second):
        """A row of metrics: means of scalars since the row before."""
        self._write(
            step,
            **means,
            epoch=step * self._config.batch_size / self._num_examples,
            images_per_second=images_per_second,
        )
        run_folder.require_still_there(self._workdir)
        path = os.path.join(self._workdir, "views.png")
        if not os.path.exists(path):  # Training has begun: nobody waits.
            self._monitor.draw_views(path)

    def save(self, step, row=()):
        """A checkpoint; `row` is a dict of sums for a row that is not full."""
        run_folder.require_still_there(self._workdir)
        checkpoint.save(
            self._checkpoints,
            step,
            {**self._task.state, **dict(row)},
            keep=self._config.train.keep_checkpoints,
        )

    def newest_checkpoint(self):
        """The newest checkpoint's name, for people."""
        kept = checkpoint.paths(self._checkpoints)
        return os.path.basename(kept[-1]) if kept else "none was written yet"

    def evaluate(self, step):
        """A row of scores of the encoder as it is."""
        scores, beside = self._monitor.run(
            self._bar.say, with_baselines=self._baselines is None
        )
        self._say_what_was_scored()
        if not scores:
            return
        if self._baselines is None:
            self._baselines = beside
            if beside:
                self._write_baselines()
        self._compare(step, scores)
        self._write(step, **scores)
        names = {"untrained_knn": "untrained", "raw_pixels_knn": "raw pixels"}
        shown = ", ".join(
            f"{name} {self._baselines[key]:.3f}"
            for key, name in names.items()
            if self._baselines.get(key) is not None
        )
        shown = f" ({shown})" if shown else ""
        self._bar.say(f"step {step}  {_in_a_line(scores)}{shown}")
        if self._comparison:
            if start := self._comparison.start:
                self._bar.say(f"its start  {_in_a_line(start)}")
            if worse := self._comparison.worse(scores):
                self._bar.say(f"{worse} ({best.folder(self._workdir)}).")

    def finish(self, step):
        """Notes that the run is at its end."""
        keep = self._config.train.keep_checkpoints
        checkpoint.remove_older(self._checkpoints, keep)
        run_folder.mark_finished(self._workdir, step)
        if self._comparison and (line := self._comparison.end(step)):
            self._bar.say(f"{line}: {best.folder(self._workdir)}")

    def _compare(self, step, scores):
        """Keeps the weights of a run from weights where they are its best.

        Before the row is written: who is killed between scores again.
        """
        if self._comparison is None:
            return
        self._comparison.begin(self._baselines)
        if self._comparison.add(step, scores):
            self._keep_best(step)

    def _keep_best(self, step):
        """What is in the task's models now, except for a copy of the start."""
        roles = set(self._task.models) - {"anchor_encoder"}
        best.keep(
            self._workdir,
            step,
            {
                name: variable
                for name, variable in self._task.state.items()
                if name.partition("/")[0] in roles
            },
        )

    def _say_what_was_scored(self):
        """Held-out images that could not be read, and how few are left."""
        new = self._unreadable_eval.check() if self._unreadable_eval else 0
        if new:
            self._bar.say(
                f"{counted(new, 'unreadable held-out image')} left out, see "
                f"{self._workdir}/unreadable_eval.tsv"
            )
        note = few(self._monitor.scored)
        if note and note != self._few:
            self._bar.say(f"Note: {note}.")
        self._few = note

    def _write(self, step, **values):
        """A row of metrics, to the files and to whoever listens."""
        self._on_row({"step": step, **self._writer.write(step, **values)})

    def _write_baselines(self):
        """The row of step 0, however late it is scored."""
        row = self._writer.write_first(0, **self._baselines)
        self._on_row({"step": 0, **row})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._bar.close()
        self._writer.close()


class SilentRecorder:
    """A worker that is not the chief: steps and scores along, and lists its
    bad images.

    Args:
        As of Recorder.
    """

    def __init__(
        self,
        config,
        reader,
        class_names,
        task,
        strategy,
        workers,
        workdir,
        step,
        *,
        evaluated=False,
        on_row=lambda row: None,
        ask=lambda reason: None,
    ):
        del evaluated, on_row  # The chief has the rows.
        self._unreadable_images = UnreadableImages(
            *(reader, workdir, config.data.max_bad_share, workers.index),
            ask=ask,
        )
        self._monitor = _monitor(
            config, reader, class_names, task, strategy, workers
        )
        self._baselines = baselines.known(
            self._monitor, workers, baselines.written(_rows(workdir))
        )

    def progress(self, step, means, images_per_second):
        """Only looks after the images."""
        self._unreadable_images.check()

    def log(self, step, means, images_per_second):
        """Nothing."""

    def save(self, step, row=()):
        """Nothing."""

    def newest_checkpoint(self):
        """The chief knows."""
        return "the chief's"

    def evaluate(self, step):
        """A share of the chief's scores."""
        _, beside = self._monitor.run(
            lambda text: None, with_baselines=self._baselines is None
        )
        if self._baselines is None:
            self._baselines = beside

    def finish(self, step):
        """Nothing."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def _rows(workdir):
    return metrics.read(os.path.join(workdir, "metrics.jsonl"))


def _in_a_line(scores):
    return "  ".join(f"{k} {v:.3f}" for k, v in scores.items())


def _monitor(config, reader, class_names, task, strategy, workers):
    """What watches this kind of task; all workers have one."""
    if not config.classifies:
        return Monitor(config, reader, task, strategy, workers)
    return ClassifierMonitor(config, class_names, task, strategy, workers)
