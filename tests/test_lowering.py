"""The exact training step lowers for 8 replicas of a TPU."""

import collections
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr import collectives
from simclr.config import (
    Augment,
    Config,
    Data,
    Model,
    Negatives,
    Start,
    Train,
)
from simclr.data import batches
from simclr.data.views import view_draws
from simclr.lowering import xla
from simclr.optimizers.lars import LARS
from simclr.training.tasks import Pretrain

REPLICAS, PER_REPLICA, SIZE = 8, 4, 32

# What a TPU does not run, or only by asking its host.
HOST_OPS = {
    "custom-call",
    "infeed",
    "outfeed",
    "recv",
    "recv-done",
    "send",
    "send-done",
}
DYNAMIC_OPS = {"dynamic-reshape", "get-dimension-size", "set-dimension-size"}
# uint8 views; int32 labels, draws and indices; Keras counts steps in int64;
# XLA's replica id is uint32.
TYPES = {"pred", "u8", "s32", "s64", "u32", "f32"}


def opcodes(hlo):
    """Counter of the operations in an HLO text."""
    lines = re.findall(r"^\s+(?:ROOT )?%?\S+ = (.*)$", hlo, re.MULTILINE)
    matches = (re.search(r"[\])}] ([a-z][\w-]*)\(", line) for line in lines)
    return collections.Counter(match[1] for match in matches if match)


def problems(hlo, types=TYPES):
    """Everything in an HLO text that a TPU cannot take."""
    found = set(opcodes(hlo))
    shapes = set(re.findall(r"\b([a-z]+\d*)\[[^\]]*\]", hlo)) - {"attr"}
    return sorted(
        [op for op in found & (HOST_OPS | DYNAMIC_OPS)]
        + [kind for kind in shapes - types if re.match(r"[a-z]+\d+$", kind)]
        + (["a bounded dimension"] if re.search(r"\[[^\]]*<=", hlo) else [])
    )


@pytest.fixture(
    scope="module",
    params=[
        ("float32", 0),
        pytest.param(("float32", 64), marks=pytest.mark.slow),
        pytest.param(("mixed_bfloat16", 64), marks=pytest.mark.slow),
    ],
    ids="{0[0]}-memory-{0[1]}".format,
)
def lowered(request):
    """(precision, the task, its arguments, its HLO)."""
    precision, memory = request.param
    config = Config(
        batch_size=REPLICAS * PER_REPLICA,
        data=Data(image_size=SIZE),
        augment=Augment(solarize_probs=(0.0, 0.2)),
        model=Model(
            depth=18, width=0.125, stem="cifar", normalization="imagenet"
        ),
        negatives=Negatives(size=memory),
        train=Train(precision=precision),
    )
    try:
        task = Pretrain(config, num_examples=1000, num_classes=10)
    finally:
        keras.config.set_dtype_policy("float32")
    draws = view_draws.draw(0, seed=0, batch_size=config.batch_size)
    view = tf.TensorSpec([PER_REPLICA, SIZE, SIZE, 3], tf.uint8)
    count = tf.TensorSpec([PER_REPLICA], tf.int32)
    batch = {
        "view1": view,
        "view2": view,
        "label": count,
        "replaced": count,
        "draws": {
            name: tf.TensorSpec([PER_REPLICA, *x.shape[1:]], x.dtype)
            for name, x in draws.items()
        },
    }
    return precision, task, batch, lower(task, batch)


def lower(task, batch):
    """A training step's HLO, as the lowered run has it."""
    return xla.lower(
        lambda batch: task.train_step(xla.InReplica(), batch),
        [batch],
        num_replicas=REPLICAS,
    )


def test_step_is_fit_for_a_tpu(lowered):
    precision, task, _, hlo = lowered
    types = TYPES | ({"bf16"} if precision == "mixed_bfloat16" else set())
    assert problems(hlo, types) == []
    found = opcodes(hlo)
    # For a branch on the device the host of a GPU waits for its stream.
    assert not found["conditional"]
    # Gathered loss, its match among N, and batch norm know their replica.
    assert found["replica-id"] >= 1
    # Forward and backward of each batch norm, the gather, the gradients.
    norms = 20 + 3  # ResNet-18's, the head's.
    assert found["all-reduce"] > 2 * norms + 2
    assert found["convolution"] >= 3 * 20 - 1  # Forward, two gradients.
    if task.negatives is not None:  # One more forward.
        assert found["convolution"] >= 4 * 20 - 1


def test_every_collective_spans_all_replicas(lowered):
    _, _, _, hlo = lowered
    groups = re.findall(r"all-reduce\(.*replica_groups=(\{\{.*?\}\})", hlo)
    assert len(groups) == opcodes(hlo)["all-reduce"]
    assert set(groups) == {"{{0,1,2,3,4,5,6,7}}"}


def test_convolutions_run_in_the_chosen_precision(lowered):
    precision, _, _, hlo = lowered
    types = set(re.findall(r"= (\w+)\[.* convolution\(", hlo))
    assert types == {"f32" if precision == "float32" else "bf16"}


def test_parameters_are_arguments_then_variables(lowered):
    """What a runner of the lowered program must feed, in this order."""
    _, task, batch, hlo = lowered
    entry = hlo[hlo.index("\nENTRY") :]
    numbers = re.findall(r" parameter\((\d+)\)", entry)
    arguments, variables = tf.nest.flatten(batch), task.state
    assert len(numbers) == len(arguments) + len(variables)
    header = entry[: entry.index("->")]
    shapes = re.findall(r"[(,] ?[\w.]+: (\w+)\[([\d,]*)\]", header)
    names = {"float32": "f32", "int32": "s32", "uint8": "u8"}
    for (kind, dims), spec in zip(shapes, arguments):
        assert kind == names[spec.dtype.name]
        assert dims == ",".join(map(str, spec.shape))
    expected = collections.Counter(
        ",".join(map(str, v.shape)) for v in variables.values()
    )
    left = shapes[len(arguments) :]
    assert collections.Counter(dims for _, dims in left) == expected


def test_serialized():
    """The form that compilers of other packages read."""
    weight = tf.Variable([1.0, 2.0])
    module = xla.lower(
        lambda x: weight.assign_add(x),
        [tf.TensorSpec([2])],
        num_replicas=2,
        stage="hlo_serialized",
    )
    assert isinstance(module, bytes) and module


def host_step(x):
    return tf.numpy_function(np.sin, [x], tf.float32)


def dynamic_step(x):
    return tf.boolean_mask(x, x > 0)


def double_step(x):
    return tf.cast(x, tf.float64) * 2


def test_problems_are_seen():
    """The checks above notice a step that a TPU cannot take."""
    spec = [tf.TensorSpec([4])]
    dynamic = xla.lower(dynamic_step, spec, num_replicas=2)
    assert "a bounded dimension" in problems(dynamic)
    double = xla.lower(double_step, spec, num_replicas=2)
    assert problems(double) == ["f64"]
    with pytest.raises((ValueError, tf.errors.OpError), match="PyFunc"):
        xla.lower(host_step, spec, num_replicas=2)


def test_keras_sums_gradients_in_the_lowered_step():
    """Also for an optimizer that sums by itself, as in `fit`."""
    dense = keras.layers.Dense(6, use_bias=False)
    dense.build((None, 3))
    optimizer = LARS(0.5)
    optimizer.build(dense.trainable_variables)

    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(dense(x) ** 2) / collectives.num_replicas()
        gradients = tape.gradient(loss, dense.trainable_variables)
        optimizer.apply(gradients, dense.trainable_variables)

    hlo = xla.lower(step, [tf.TensorSpec([8, 3])], num_replicas=4)
    sums = re.findall(
        r"= (\w+\[[\d,]*\])\S* all-reduce\(.*\{\{0,1,2,3\}\}", hlo
    )
    assert sums == ["f32[3,6]"]
    assert problems(hlo) == []


@pytest.mark.parametrize("op", ["SUM", "MEAN"])
def test_gradient_of_a_sum_is_a_sum(op):
    weight = tf.Variable(tf.ones([5]))

    def step(x):
        with tf.GradientTape() as tape:
            context = tf.distribute.get_replica_context()
            reduced = context.all_reduce(
                tf.distribute.ReduceOp[op], {"product": weight * x}
            )
            loss = tf.reduce_sum(reduced["product"] ** 2)
        return tape.gradient(loss, weight)

    hlo = xla.lower(step, [tf.TensorSpec([5])], num_replicas=2)
    assert opcodes(hlo)["all-reduce"] == 2
    assert (opcodes(hlo)["divide"] > 0) == (op == "MEAN")


def test_other_collectives_are_refused():
    def step(x):
        return tf.distribute.get_replica_context().all_gather(x, axis=0)

    with pytest.raises(NotImplementedError, match=r"collectives\.gather"):
        xla.lower(step, [tf.TensorSpec([5])], num_replicas=2)


def test_a_strategy_in_use_is_an_error():
    with (
        tf.distribute.OneDeviceStrategy("CPU:0").scope(),
        pytest.raises(ValueError, match="outside any"),
    ):
        xla.lower(lambda x: x, [tf.TensorSpec([2])], num_replicas=2)


def test_variables_in_order_and_those_that_are_written():
    """What PJRT's results are put back into."""
    first, read, last = (tf.Variable([float(i)]) for i in range(3))

    def step(x):
        first.assign_add(x * read)
        last.assign(first)
        return {"b": x, "a": 2 * x}

    spec = tf.TensorSpec([1])
    function = xla.replica_function(step, [spec], num_replicas=2)
    traced = function.get_concrete_function(spec)
    variables, updated = xla.variables(traced)
    assert {id(v) for v in variables} == {id(first), id(read), id(last)}
    assert {id(variables[i]) for i in updated} == {id(first), id(last)}
    hlo = xla.hlo(function, [spec])
    results = re.search(r"->\s*\((.*)\) \{", hlo[hlo.index("\nENTRY") :])[1]
    assert len(re.findall(r"f32\[1\]", results)) == 2 + len(updated)


def test_a_tensor_from_outside_is_named():
    outside = tf.constant([1.0, 2.0])
    step = xla.replica_function(
        lambda x: x + tf.reduce_sum(outside),
        [tf.TensorSpec([2])],
        num_replicas=2,
    )
    with pytest.raises(ValueError, match=r"Sum/input:0: make it inside"):
        xla.variables(step.get_concrete_function(tf.TensorSpec([2])))


def test_doubles_are_summed_by_their_bits():
    """XlaAllReduce has no float64."""

    def step(x):
        return collectives.sum_over_replicas([x])[0]

    hlo = xla.lower(step, [tf.TensorSpec([5], tf.float64)], num_replicas=2)
    [shape] = re.findall(r"= (\w+\[[\d,]*\])\S* all-reduce\(", hlo)
    assert shape == "s32[2,5,2]"


@pytest.mark.parametrize("head_epochs", [0.0, 1.0])
def test_heads_that_learn_alone_are_the_one_branch_of_a_step(head_epochs):
    """For a branch on the device the host of a GPU waits for its stream."""
    config = Config(
        batch_size=8 * REPLICAS,
        data=Data(image_size=SIZE),
        model=Model(depth=10, width=0.125, stem="cifar"),
        start=Start(head_epochs=head_epochs),
    )
    task = Pretrain(config, num_examples=1000, num_classes=0)
    spec = batches.batch_spec(
        8, image_size=SIZE, on_device=True, augment=config.augment
    )
    found = opcodes(lower(task, spec))
    assert found["conditional"] == (head_epochs > 0)
