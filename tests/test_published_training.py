"""Five whole training steps end where the published code's end."""

import pathlib

import numpy as np
import tensorflow as tf

from simclr.losses.nt_xent import nt_xent
from simclr.models.heads import linear_probe, projection_head
from simclr.models.resnet import resnet
from simclr.optimizers import build_optimizer, no_decay_variables
from simclr.optimizers.schedules import WarmupCosine
from tests import published

GOLDEN = np.load(pathlib.Path(__file__).parent / "golden" / "model.npz")
DECAY = 1e-4


def both_views(seed):
    """[view 1; view 2] of 16 images, drawn as six channels."""
    images = np.random.Generator(np.random.PCG64(seed)).random((16, 32, 32, 6))
    return tf.constant(np.concatenate(np.split(images, 2, axis=-1)), tf.float32)


def test_five_steps():
    """ResNet-18, 3-layer head, LARS, online probe; nothing is augmented."""
    encoder = resnet(depth=18, stem="cifar")
    head, probe = projection_head(512), linear_probe(512, 10)
    names = published.encoder_weights(18)
    published.fill(encoder.variables, names)
    published.fill(head.variables, published.head_weights(3), len(names))
    names = ["probe/kernel", "probe/bias"]
    published.fill(probe.variables, names, start=119)
    models = (encoder, head, probe)
    variables = [v for m in models for v in m.trainable_variables]
    schedule = WarmupCosine(0.0625, warmup_steps=10, total_steps=101)
    optimizer = build_optimizer(
        "lars",
        learning_rate=schedule,
        momentum=0.9,
        weight_decay=DECAY,
        excluded=[*no_decay_variables(encoder, head), *probe.variables],
    )
    optimizer.build(variables)
    labels = tf.range(32) % 16 % 10

    @tf.function
    def step(views):
        with tf.GradientTape() as tape:
            h = encoder(views, training=True)["h"]
            z = head(h, training=True)["z"]
            # The published loss is twice the paper's mean.
            contrastive = 2 * nt_xent(*tf.split(z, 2), temperature=0.5)[0]
            supervised = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(
                    labels, probe(tf.stop_gradient(h))
                )
            )
            decay = DECAY * tf.nn.l2_loss(probe.kernel.value)
            total = contrastive + supervised + decay
        gradients = tape.gradient(total, variables)
        rate = schedule(optimizer.iterations)
        optimizer.apply(gradients, variables)
        return contrastive, supervised, decay, total, rate

    # Rounding grows over the steps: in float64 this run ends 1e-4 away from
    # the golden float32 losses and 7e-3 (1.7e-3 on average) from the outputs.
    log = [step(both_views(200 + i)) for i in range(5)]
    np.testing.assert_allclose(
        log, GOLDEN["train_lars_log"], rtol=3e-4, atol=1e-8
    )
    h = encoder(both_views(11), training=False)["h"]
    for outputs, expected in (
        (head(h, training=False)["z"], GOLDEN["train_lars_final_proj"]),
        (probe(h), GOLDEN["train_lars_final_sup"]),
    ):
        np.testing.assert_allclose(outputs, expected, atol=0.02)
        assert np.std(outputs - expected) < 0.005
