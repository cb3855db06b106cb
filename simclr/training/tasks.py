"""Tasks: what is built and what one training step does.

Shapes: n = images per replica, N = images in the global batch, h w = a view's
height and width, f = features, d = projection dimensions, k = classes.
"""

import keras
import tensorflow as tf

from simclr.data import colour
from simclr.losses.nt_xent import nt_xent
from simclr.models import heads
from simclr.models.resnet import resnet
from simclr.optimizers import build_optimizer, no_decay_variables
from simclr.optimizers.schedules import (
    WarmupCosine,
    scaled_lr,
    total_steps,
    warmup_steps,
)
from simclr.training import checkpoint, distributed

OBJECTIVES = {"nt_xent": nt_xent}


class Pretrain:
    """SimCLR pretraining (Chen et al. 2020, Algorithm 1).

    Build it inside the strategy's scope: every variable and optimizer slot
    exists before the first traced step.

    Args:
        config: the Config.
        num_examples: images in an epoch.
        num_classes: k of the online linear probe; 0 leaves the probe out.
    """

    def __init__(self, config, *, num_examples, num_classes=0):
        keras.utils.set_random_seed(config.seed)
        keras.config.set_dtype_policy(config.train.precision)
        self.config = config
        self.num_examples = num_examples
        self.total_steps = total_steps(
            config.epochs, num_examples, config.batch_size
        )
        self.encoder = build_encoder(config)
        features = self.encoder.output["h"].shape[-1]
        self.head = build_head(config, features)
        models = {"encoder": self.encoder, "head": self.head}
        self.probe = None
        if num_classes and config.train.probe:
            self.probe = heads.linear_probe(features, num_classes)
            models["probe"] = self.probe
        self.models = models
        self.variables = [
            v for model in models.values() for v in model.trainable_variables
        ]
        schedule = WarmupCosine(
            peak_lr=scaled_lr(
                config.optimizer.base_lr,
                config.batch_size,
                config.optimizer.lr_scaling,
            ),
            warmup_steps=warmup_steps(
                config.optimizer.warmup_epochs,
                num_examples,
                config.batch_size,
            ),
            total_steps=self.total_steps,
            final_share=config.optimizer.final_lr_share,
        )
        self.schedule = schedule
        self.optimizer = build_optimizer(
            config.optimizer.name,
            learning_rate=schedule,
            momentum=config.optimizer.momentum,
            weight_decay=config.optimizer.weight_decay,
            excluded=self._plain_variables(models),
            variant=config.optimizer.lars_variant,
            nesterov=config.optimizer.lars_nesterov,
            excluded_lr_factor=config.optimizer.bias_lr_factor,
        )
        self.optimizer.build(self.variables)
        self.decayed = self._decayed_by_loss(models)
        self.state = checkpoint.named_variables(
            **models, optimizer=self.optimizer
        )

    def step(self, batch):
        """One update on this replica's share of the global batch.

        Args:
            batch: dict of "view1", "view2" ([n, h, w, 3]; float in [0, 1], or
                uint8 with their "draws"), "label" (int32 [n], -1 for none) and
                "replaced" (int32 [n]).

        Returns:
            dict of scalars, means over the global batch and the same on every
            replica, and "grad_norms", the norm of each variable's gradient.
        """
        view1, view2 = self.views(batch)
        replicas = distributed.num_replicas()
        with tf.GradientTape() as tape:
            h = self.encoder(tf.concat([view1, view2], 0), training=True)["h"]
            z = self.head(h, training=True)["z"]  # [2n, d]
            z1, z2 = tf.split(z, 2)
            loss, accuracy = OBJECTIVES[self.config.loss.name](
                z1, z2, temperature=self.config.loss.temperature
            )
            total = self.config.loss.weight * loss
            total += self.config.optimizer.weight_decay * tf.add_n(
                [tf.nn.l2_loss(tf.cast(v, loss.dtype)) for v in self.decayed]
                or [tf.zeros([], loss.dtype)]
            )
            scalars = {"loss": loss, "accuracy": accuracy}
            if self.probe is not None:
                scalars |= probe_scores(self.probe, h, batch["label"])
                total += scalars["probe_loss"]
            total /= replicas
        gradients = distributed.sum_over_replicas(
            tape.gradient(total, self.variables)
        )
        learning_rate = self.schedule(self.optimizer.iterations)
        self.optimizer.apply(gradients, self.variables)

        norms = tf.stack([tf.norm(g) for g in gradients])
        scalars["replaced"] = tf.reduce_mean(
            tf.cast(batch["replaced"], loss.dtype)
        )
        scalars = {
            name: value / replicas
            for name, value in zip(
                scalars, distributed.sum_over_replicas(list(scalars.values()))
            )
        }
        return {
            **scalars,
            "learning_rate": tf.cast(learning_rate, loss.dtype),
            "grad_norm": tf.norm(norms),
            "weight_norm": tf.linalg.global_norm(
                [tf.cast(v, loss.dtype) for v in self.variables]
            ),
            "grad_norms": norms,
        }

    def views(self, batch):
        """The two views as floats, coloured here when the host did not."""
        dtype = keras.config.dtype_policy().compute_dtype
        if "draws" not in batch:
            return (
                tf.cast(batch["view1"], dtype),
                tf.cast(batch["view2"], dtype),
            )
        return tuple(
            tf.cast(view, dtype)
            for view in colour.colour_views(
                batch["view1"],
                batch["view2"],
                batch["draws"],
                self.config.augment,
            )
        )

    def _plain_variables(self, models):
        """Neither decayed nor adapted by LARS: BN, biases, the probe."""
        plain = no_decay_variables(models["encoder"], models["head"])
        if "probe" in models:
            plain += models["probe"].trainable_variables
        return plain

    def _decayed_by_loss(self, models):
        """What weight decay reaches through the loss, as published.

        LARS decays inside the optimizer, all but the probe's kernel; other
        optimizers decay everything but batch norm, biases too.
        """
        if self.config.optimizer.name == "lars":
            return [self.probe.kernel] if self.probe is not None else []
        norms = {
            id(v)
            for model in models.values()
            for layer in getattr(model, "layers", [])
            if isinstance(layer, keras.layers.BatchNormalization)
            for v in layer.trainable_variables
        }
        return [v for v in self.variables if id(v) not in norms]


def build_encoder(config):
    """The encoder f of a config, weights fresh."""
    stem = config.model.stem
    if stem == "auto":
        stem = "cifar" if config.data.image_size <= 64 else "imagenet"
    model = config.model
    return resnet(
        depth=model.depth,
        width=model.width,
        stem=stem,
        sk_ratio=model.sk_ratio,
        se_ratio=model.se_ratio,
        normalization=model.normalization,
    )


def build_head(config, features):
    """The projection head g of a config on `features` features."""
    model = config.model
    return heads.projection_head(
        features,
        model.head_dim,
        model.head_layers,
        hidden_dim=model.head_hidden,
        last_norm=model.head_norm,
    )


def probe_scores(probe, h, label):
    """Loss and accuracy of the online probe; the encoder feels nothing of it.

    Args:
        probe: layer from features to logits.
        h: [2n, f] features of both views.
        label: int32 [n]; rows with -1 do not count.

    Returns:
        dict of "probe_loss" and "probe_accuracy", means over labelled rows.
    """
    label = tf.concat([label, label], 0)  # [2n]
    logits = probe(tf.stop_gradient(h))
    known = tf.cast(label >= 0, logits.dtype)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.maximum(label, 0), logits=logits
    )
    hits = tf.argmax(logits, 1, output_type=tf.int32) == label
    # The global count, so that replicas with few labels weigh no more.
    [count] = distributed.sum_over_replicas([tf.reduce_sum(known)])
    count /= distributed.num_replicas()
    return {
        "probe_loss": tf.math.divide_no_nan(
            tf.reduce_sum(losses * known), count
        ),
        "probe_accuracy": tf.math.divide_no_nan(
            tf.reduce_sum(tf.cast(hits, known.dtype) * known), count
        ),
    }
