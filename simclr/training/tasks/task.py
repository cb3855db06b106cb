"""What every task shares: one optimizer and one update.

Shapes: n = images per replica, N = images in the global batch, h w = a view's
height and width, k = classes.
"""

import keras
import tensorflow as tf

from simclr import collectives
from simclr.data import batches
from simclr.data.views import colour
from simclr.models import dtypes
from simclr.models.variables import named_variables
from simclr.optimizers.schedules import total_steps
from simclr.training import angle, loss_scale
from simclr.training.tasks import optimizing


class Task:
    """What a config trains.

    Build it inside the strategy's scope: every variable and optimizer slot
    exists before the first traced step.

    A task says what it trains (`build`), towards what (`losses`), and what
    there is to do after an update (`after_update`).

    Args:
        config: the Config.
        num_examples: images in an epoch.
        num_classes: k, classes among the labels; 0: there are none.

    Attributes:
        models: dict of role -> Keras model that a checkpoint keeps.
        linear: the layer among them that gives logits, or None: it is neither
            decayed nor adapted by LARS.
        variables: list of what is trained.
        state: dict of name -> variable, all that resuming needs.
        scalars: names of the scalars that `losses` returns.
        measures: names of those that `update` adds.
        loss_scale: LossScale, or None: the nets do not compute in float16.
    """

    views = 2  # Of an image, in a batch.
    target_dims = 0  # Numbers of an image that come with it; 0: none do.
    learned = None  # A teacher's features of all images, [images, d], or none.

    def __init__(self, config, *, num_examples, num_classes=0):
        keras.utils.set_random_seed(config.seed)
        self.config = config
        self.num_examples, self.num_classes = num_examples, num_classes
        self.total_steps = total_steps(
            config.epochs, num_examples, config.batch_size
        )
        self.linear = None
        with dtypes.precision(config.train.precision):
            self._make()

    def _make(self):
        """The nets, their optimizer, and what a checkpoint keeps of them."""
        config = self.config
        self.models = self.build(self.num_classes)
        self.variables = [
            v
            for model in self.models.values()
            for v in model.trainable_variables
        ]
        self.kernels = optimizing.kernels(self.variables, self.linear)
        self.schedule = optimizing.schedule(
            config, self.num_examples, self.total_steps
        )
        self.optimizer = optimizing.optimizer(
            config, self.models, self.linear, self.schedule
        )
        self.optimizer.build(self.variables)
        self.decayed = optimizing.decayed_by_loss(
            config, self.variables, self.linear
        )
        kept = {**self.models, "optimizer": self.optimizer}
        self.measures = (
            "replaced",
            "learning_rate",
            "grad_norm",
            "weight_norm",
            "angle",
        )
        self.loss_scale = None
        if dtypes.compute_dtype(config.train.precision) == "float16":
            self.loss_scale = kept["loss_scale"] = loss_scale.LossScale()
            self.measures += ("loss_scale", "skipped")
        self.state = named_variables(**kept)

    @classmethod
    def open_data(cls, config):
        """The images of this task.

        Returns:
            source: Source.
            class_names: list of str, or None.

        Raises:
            InputError, OSError: they are not there or do not fit the task.
        """
        raise NotImplementedError

    def build(self, num_classes):
        """Names the scalars and makes the models: dict of role -> model."""
        raise NotImplementedError

    def losses(self, views, batch):
        """What is to be made small, on this replica's share of a batch.

        Args:
            views: tuple of [n, h, w, 3], a view each, in the precision of the
                nets.
            batch: dict, as in `step`.

        Returns:
            total: scalar, before weight decay; its mean over the replicas is
                the global batch's.
            scalars: dict of scalars by `self.scalars`, of which the same holds.
        """
        raise NotImplementedError

    def targets(self, reader, strategy, workers, workdir, step, stopper):
        """What comes with each image: a teacher's answers, say.

        Args:
            reader: Reader of the training images.
            strategy: tf.distribute strategy, or PjrtDevices.
            workers: workers.Workers, who all take part.
            workdir: run folder.
            step: int, where the run begins or goes on.
            stopper: stopping.Stopper, asked while they are made.

        Returns:
            [images, target_dims] array, or None: nothing does.

        Raises:
            Stopped: before they were all made.
        """
        del reader, strategy, workers, workdir, step, stopper
        return None

    def words(self, scalar):
        """What people read for one of `scalars`: its name, where that does."""
        return scalar

    def after_update(self, views, step):
        """What a task does once the optimizer has moved the variables.

        Args:
            views: as in `losses`.
            step: integer scalar, from 0: the step that has just been done.
        """
        del views, step  # AutoGraph warns of a function of words alone.

    def train_step(self, strategy, batch):
        """One update on a global batch.

        Args:
            strategy: tf.distribute strategy.
            batch: every replica's share of it, as `step` takes it.

        Returns:
            What `step` returns, of every replica.
        """
        return strategy.run(self.step, args=(batch,))

    def step(self, batch):
        """One update on this replica's share of the global batch.

        Args:
            batch: dict of "view1" and, for two views, "view2" ([n, h, w, 3];
                float in [0, 1], or uint8 with their "draws"), "label" (int32
                [n], -1 for none), "replaced" (int32 [n]) and what else the
                task needs.

        Returns:
            dict of scalars, means over the global batch and the same on every
            replica, and "grad_norms", the norm of each variable's gradient.
        """
        views = self.coloured(batch)
        with tf.GradientTape() as tape:
            total, scalars = self.losses(views, batch)
            total = self.scaled(total / collectives.num_replicas())
        gradients = tape.gradient(total, self.learning)
        step = tf.convert_to_tensor(self.optimizer.iterations)
        result = self.update(gradients, scalars, batch)
        self.after_update(views, step)
        return result

    @property
    def learning(self):
        """Those of `variables` that the step at hand moves, a list."""
        return self.variables

    def scaled(self, loss):
        """This replica's share of the loss, as its gradient is taken."""
        return self.loss_scale.scaled(loss) if self.loss_scale else loss

    def update(self, gradients, scalars, batch):
        """Moves the variables, and says what a step did.

        Args:
            gradients: list, one for each of `self.learning`, of this replica's
                share of the global batch's loss, `scaled`.
            scalars: dict, as `losses` returns them.
            batch: dict, as in `step`.

        Returns:
            What `step` returns.
        """
        replicas = collectives.num_replicas()
        gradients = collectives.sum_over_replicas(gradients)
        taken = None
        if self.loss_scale:
            gradients, taken = self.loss_scale.unscaled(gradients)
        decayed = {id(v) for v in self.decayed}
        gradients = [
            g + self.config.optimizer.weight_decay * tf.cast(v, g.dtype)
            if id(v) in decayed
            else g
            for g, v in zip(gradients, self.learning)
        ]
        learning_rate = self.schedule(self.optimizer.iterations)
        before = [tf.identity(tf.convert_to_tensor(v)) for v in self.kernels]
        scaling = {}
        if self.loss_scale:
            loss_scale.apply(
                self.optimizer, gradients, self.learning, take=taken
            )
            scaling = {
                "loss_scale": tf.identity(self.loss_scale.scale),
                "skipped": tf.cast(~taken, tf.float32),
            }
            self.loss_scale.follow(taken)
        else:
            self.optimizer.apply(gradients, self.learning)

        norms = self._norms(gradients)
        scalars["replaced"] = tf.reduce_mean(
            tf.cast(batch["replaced"], norms.dtype)
        )
        scalars = {
            name: value / replicas
            for name, value in zip(
                scalars, collectives.sum_over_replicas(list(scalars.values()))
            )
        }
        return {
            **scalars,
            "learning_rate": tf.cast(learning_rate, norms.dtype),
            "grad_norm": tf.norm(norms),
            "weight_norm": tf.linalg.global_norm(
                [tf.cast(v, norms.dtype) for v in self.variables]
            ),
            "angle": angle.mean_angle(before, self.kernels),
            **scaling,
            "grad_norms": norms,
        }

    def _norms(self, gradients):
        """Of each of `variables`, [variables]; 0 where it does not learn."""
        # Not tf.norm, which is nine operations to trace for each.
        halves = {
            id(v): tf.nn.l2_loss(g) for v, g in zip(self.learning, gradients)
        }
        still = tf.zeros([], gradients[0].dtype)
        return tf.sqrt(
            2 * tf.stack([halves.get(id(v), still) for v in self.variables])
        )

    def coloured(self, batch):
        """The views as floats, coloured here when the host did not.

        Returns:
            tuple of [n, h, w, 3 + p], a view each, the source's planes last.
        """
        dtype = dtypes.compute_dtype(self.config.train.precision)
        views = [batch[f"view{i + 1}"] for i in range(self.views)]
        if "draws" in batch:
            views = colour.colour_views(
                views, batch["draws"], self.config.augment
            )
        views = batches.with_planes(views, batch)
        return tuple(tf.cast(view, dtype) for view in views)
