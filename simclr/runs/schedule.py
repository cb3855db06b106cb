"""Where rows of metrics, checkpoints and evaluations lie in a run."""


class RunSchedule:
    """Steps at which a row ends, a checkpoint or an evaluation is due.

    A row of metrics is the mean of the steps since the row before. All is a
    function of the config alone, so that a resumed run writes the same rows.

    Args:
        config: the Config.
        num_examples: images in an epoch.
        total_steps: steps of the run.
    """

    def __init__(self, config, num_examples, total_steps):
        def steps(epochs):
            return max(1, round(epochs * num_examples / config.batch_size))

        self._log = config.train.log_steps
        self._checkpoint = steps(config.train.checkpoint_epochs)
        self._evaluate = (
            steps(config.train.eval_epochs) if config.train.eval_epochs else 0
        )
        self._total = total_steps

    def next(self, step):
        """The first step after `step` at which something is due."""
        periods = [self._log, self._checkpoint, self._evaluate]
        ahead = [(step // p + 1) * p for p in periods if p]
        return min([*ahead, self._total])

    def checkpoint(self, step):
        """Whether a checkpoint is due at `step`."""
        return _due(step, self._checkpoint, self._total)

    def evaluate(self, step):
        """Whether an evaluation is due at `step`."""
        return self._evaluate > 0 and _due(step, self._evaluate, self._total)


def _due(step, period, total):
    return step % period == 0 or step == total
