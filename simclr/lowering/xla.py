"""Lowers a training step to XLA's HLO for many replicas, without a device.

The step is traced as one replica of R sees it: collectives become XLA's own
operations, as TPUStrategy makes them. What lowers here is what a TPU is asked
to compile.
"""

import re

import tensorflow as tf
from tensorflow.compiler.tf2xla.ops import gen_xla_ops
from tensorflow.python.framework import auto_control_deps_utils

from simclr.messages.errors import InputError


def lower(step, args, *, num_replicas, stage="hlo"):
    """Lowers one replica's program of `step`.

    Args:
        step: function of `args` that reads and writes variables; it must be
            built (models, optimizer slots) outside any strategy.
        args: list of one replica's arguments: nests of tensors or of
            tf.TensorSpec, of static shapes.
        num_replicas: R.
        stage: "hlo" for text, "hlo_serialized" for bytes.

    Returns:
        The HLO module before optimization. Its parameters are the flattened
        `args`, then the variables; its results those of the step, then the
        variables that it changed.

    Raises:
        InputError: called where a strategy is in use; or XLA has no form of an
            operation, which is named with the line that made it.
    """
    function = replica_function(step, args, num_replicas=num_replicas)
    return hlo(function, args, stage=stage)


def hlo(function, args, *, stage="hlo"):
    """The HLO module of a `replica_function`; the rest is as in `lower`."""
    generate = function.experimental_get_compiler_ir(*tf.nest.flatten(args))
    try:
        return generate(stage=stage, platform_name="CPU")
    except ValueError as error:
        raise InputError(_unsupported(str(error)) or str(error)) from error


def replica_function(step, args, *, num_replicas):
    """`step` as a tf.function, as one of `num_replicas` runs it.

    To trace and to lower: called, it ends the process, because TensorFlow's
    own runtime on a CPU has nothing to run XLA's collectives with.

    Args:
        step, args, num_replicas: as in `lower`.

    Returns:
        A tf.function of the tensors in the flattened `args`.

    Raises:
        InputError: called where a strategy is in use.
    """
    if tf.distribute.has_strategy():
        raise InputError("Lower a step outside any tf.distribute strategy.")

    @tf.function(jit_compile=True, autograph=False)
    def replica_step(*tensors):
        # Entered here: a graph being traced has its own stack of contexts.
        with XlaReplicaContext(num_replicas):
            return step(*tf.nest.pack_sequence_as(args, tensors))

    return replica_step


def variables(traced):
    """The variables of a traced `replica_function`.

    Args:
        traced: its ConcreteFunction.

    Returns:
        list of tf.Variable, in the order of the program's parameters.
        list of int: which of them the program writes, in the order of its
            results.

    Raises:
        InputError: it uses a tensor from outside that is no variable, and so
            would be one more parameter.
    """
    by_handle = {id(v.handle): v for v in traced.graph.variables}
    for outside, inside in traced.graph.captures:
        if id(outside) not in by_handle:
            raise InputError(
                "The step uses a tensor that was made outside of it and is no "
                f"variable, {inside.name}: make it inside, or a variable."
            )
    found = [by_handle[id(handle)] for handle in traced.captured_inputs]
    first = len(traced.inputs) - len(found)
    only_read = (
        auto_control_deps_utils.get_read_only_resource_input_indices_graph(
            traced.graph
        )
    )
    return found, [
        i for i in range(len(found)) if first + i not in set(only_read)
    ]


class InReplica:
    """Stands for the strategy in code that one replica runs already."""

    @staticmethod
    def run(function, args=()):
        """What a strategy's `run` does on each replica: calls the function."""
        return function(*args)


class XlaReplicaContext(tf.distribute.ReplicaContext):
    """One of R replicas, whose collectives are XLA operations.

    The strategy below it is the default one, so that plain variables are
    updated in place, as each replica of a TPU does with its own copy.
    """

    for_xla = True  # For collectives.for_xla.

    def __init__(self, num_replicas):
        super().__init__(
            tf.distribute.get_strategy(), replica_id_in_sync_group=0
        )
        self._num_replicas = num_replicas

    @property
    def num_replicas_in_sync(self):
        """R."""
        return self._num_replicas

    @property
    def replica_id_in_sync_group(self):
        """An int32 scalar that only the running program knows."""
        return gen_xla_ops.xla_replica_id()

    def all_reduce(self, reduce_op, value, options=None):
        """Sums or averages a nest of tensors over the replicas."""
        del options
        if reduce_op not in (
            tf.distribute.ReduceOp.SUM,
            tf.distribute.ReduceOp.MEAN,
        ):
            raise InputError(f"reduce_op={reduce_op!r} is not a ReduceOp.")
        total = tf.nest.map_structure(self._sum, value)
        if reduce_op == tf.distribute.ReduceOp.SUM:
            return total
        return tf.nest.map_structure(lambda x: x / self._num_replicas, total)

    def all_gather(self, value, axis, options=None):
        """Not lowered here; use simclr.collectives.gather."""
        raise NotImplementedError("Use simclr.collectives.gather.")

    def _sum(self, x):
        if self._num_replicas == 1:
            return x

        @tf.custom_gradient
        def total(x):
            # The gradient of a sum over replicas is again such a sum.
            if x.dtype == tf.float64:
                return self._sum_of_doubles(x), self._sum
            return self._all_reduce(x), self._sum

        return total(x)

    def _all_reduce(self, x):
        return gen_xla_ops.xla_all_reduce(
            x,
            group_assignment=[list(range(self._num_replicas))],
            reduce_op="Add",
            mode="CrossReplica",
        )

    def _sum_of_doubles(self, x):
        """XlaAllReduce has no float64, but it can carry the bits.

        Each replica puts its own into a slot, where the others have zeros.
        """
        slot = tf.one_hot(
            self.replica_id_in_sync_group, self._num_replicas, dtype=tf.int32
        )
        bits = tf.bitcast(x, tf.int32)[None]  # [1, ..., 2]
        slot = tf.reshape(slot, [-1] + [1] * (len(bits.shape) - 1))
        return tf.reduce_sum(
            tf.bitcast(self._all_reduce(slot * bits), tf.float64), 0
        )


def made_at(graph, message):
    """The line that made the operation which a compiler's message names.

    Args:
        graph: tf.Graph of the step.
        message: str, with the type of an operation, or the target of a custom
            call, among its words.

    Returns:
        "FILE:LINE", or "" where no operation fits.
    """
    words = set(re.findall(r"\w+", message))
    for op in graph.get_operations():
        names = {op.type}
        if op.type.startswith("XlaCustomCall"):
            names.add(op.get_attr("call_target_name").decode())
        if names & words:
            return _last_line((f.filename, f.lineno) for f in op.traceback)
    return ""


def _last_line(frames):
    """The innermost line that is not a library's."""
    own = [f"{path}:{n}" for path, n in frames if "site-packages" not in path]
    return own[-1] if own else ""


def _unsupported(error):
    """One line on what XLA refuses in an error of TensorFlow's, or ""."""
    ops = re.findall(r": (\w+) \(No registered '\w+' OpKernel", error)
    if not ops:
        return ""
    where = _last_line(re.findall(r'File "(.+)", line (\d+)', error))
    return (
        f"A TPU cannot run {' or '.join(sorted(set(ops)))}"
        f"{where and f', made at {where}'}: XLA has no such operation."
    )
