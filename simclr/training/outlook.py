"""What a training process shows and keeps: the chief's part, and a worker's."""

from simclr.training import checkpoint, metrics, rundir
from simclr.training.monitor import Monitor


class Chief:
    """Writes the run folder and moves the progress bar.

    A context manager, open while the run goes on.

    Args:
        config: the Config.
        reader: Reader of the training images.
        task: the task being trained.
        strategy: tf.distribute strategy.
        workdir: run folder.
        step: int, step of the first batch; at 0 the baselines are written.
    """

    def __init__(self, config, reader, task, strategy, workdir, step):
        self._config, self._task, self._workdir = config, task, workdir
        self._num_examples = len(reader.source)
        self._writer = metrics.Writer(workdir, step)
        self._monitor = Monitor(config, reader, task, strategy, workdir)
        self._bar = metrics.Progress(task.total_steps, step, config.batch_size)
        if step == 0:
            self._writer.write(0, **self._monitor.baselines())

    def log(self, step, means, images_per_second):
        """A row of metrics: means of scalars since the row before."""
        values = {name: float(value) for name, value in means.items()}
        self._writer.write(
            step,
            **values,
            epoch=step * self._config.batch_size / self._num_examples,
            images_per_second=images_per_second,
        )
        self._bar.update(
            step,
            images_per_second,
            loss=values["loss"],
            acc=values["accuracy"],
        )

    def save(self, step):
        """A checkpoint."""
        checkpoint.save(
            rundir.checkpoints(self._workdir),
            step,
            self._task.state,
            keep=self._config.train.keep_checkpoints,
        )

    def evaluate(self, step):
        """A row of scores of the encoder as it is."""
        scores = self._monitor.run(self._bar.say)
        self._writer.write(step, **scores)
        shown = "  ".join(f"{k} {v:.3f}" for k, v in scores.items())
        self._bar.say(f"step {step}  {shown}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._bar.close()
        self._writer.close()


class Bystander:
    """A worker that is not the chief: steps along and writes nothing."""

    def log(self, step, means, images_per_second):
        """Nothing."""

    def save(self, step):
        """Nothing."""

    def evaluate(self, step):
        """Nothing; the chief's next step waits for nobody but takes longer."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass
