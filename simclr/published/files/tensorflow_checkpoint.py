"""TensorFlow checkpoints of both kinds, and the weights of a SavedModel.

A TF1 checkpoint names its tensors after variables (base_model/conv2d/kernel).
A TF2 one names them by their place among objects, and carries the graph of
those objects, in which each has its variable's full name as well. Everything
is read by tf.train.load_checkpoint: no code of a SavedModel is run.
"""

import collections
import glob
import os
import re

import tensorflow as tf
from tensorflow.core.protobuf import trackable_object_graph_pb2

from simclr.messages.errors import InputError, first_line
from simclr.published.files.source import Source

_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_SLOT = re.compile(
    r"(.*)/(?:\.OPTIMIZER_SLOT/.*|(?:Momentum|Adam|Adam_1|m|v))$"
)
_OPTIMIZER = re.compile(r"(?:.*/)?(?:optimizer/.*|beta[12]_power|iter)$")
# SimCLRv2's checkpoints have a second model, ema_model/base_model/..., and
# tf.train.ExponentialMovingAverage names a copy after its variable.
_EMA = {"ema_model", "ExponentialMovingAverage"}
_COUNTERS = {"global_step": "global step", "save_counter": "save counter"}
# Lists that name a variable a second time.
_LISTS = re.compile(r".*variables.*|.*losses|keras_api|signatures")


def find(path):
    """Prefix of the checkpoint that `path` means, or None.

    Args:
        path: a prefix (".../model.ckpt-250228"), one of its files, a folder of
            checkpoints (the newest is meant), or a SavedModel's folder.
    """
    stem = re.sub(r"\.(index|data-\d+-of-\d+|meta)$", "", path)
    if os.path.exists(stem + ".index"):
        return stem
    if not os.path.isdir(path):
        return None
    # Not tf.train.latest_checkpoint: a published folder's `checkpoint` file may
    # name the bucket or the disk where it was made.
    for folder in ("", "variables", "saved_model/variables", "hub/variables"):
        found = glob.glob(os.path.join(glob.escape(path), folder, "*.index"))
        if found:
            return max(found, key=_step).removesuffix(".index")
    return None


def read(prefix):
    """Lists a checkpoint.

    Args:
        prefix: as `find` returns.

    Returns:
        Source.

    Raises:
        InputError: it is damaged or no checkpoint.
    """
    reader = _whole(prefix, lambda: tf.train.load_checkpoint(prefix))
    shapes = dict(reader.get_variable_to_shape_map())
    full_names, paths = {}, {}
    if shapes.pop(_GRAPH, None) is not None:
        text = _whole(prefix, lambda: reader.get_tensor(_GRAPH))
        full_names, paths = _object_names(prefix, text)
    left = collections.Counter()
    weights, trained = {}, set()
    for key, shape in shapes.items():
        kind, base = _classify(key, full_names.get(key, key))
        if kind == "optimizer slots":
            trained.add(base)
        if kind:
            left[kind] += 1
        else:
            weights[key] = tuple(shape)
    notes = []
    if left["EMA copies"]:
        notes.append(
            "it has moving averages (EMA) of the weights beside the "
            "weights: the plain weights are taken"
        )
    if full_names:
        spelled = {key: full_names.get(key, "") for key in weights}
        names = {
            "tf2": spelled,
            "tf1": spelled,
            "object": {key: paths.get(key, key) for key in weights},
        }
    else:
        names = {"tf1": {key: key for key in weights}}
    return Source(
        kind="TF2 object checkpoint" if full_names else "TF1 checkpoint",
        shapes=weights,
        names=names,
        read=lambda key: _whole(prefix, lambda: reader.get_tensor(key)),
        left=dict(left),
        trained=frozenset(trained & set(weights)),
        notes=notes,
    )


def _classify(key, full_name):
    """("" for a weight or what is left out, the weight a slot belongs to)."""
    name = key.removesuffix(_VALUE)
    if _EMA & {*name.split("/"), *full_name.split("/")}:
        return "EMA copies", ""
    match = _SLOT.match(name)
    if match:
        suffix = _VALUE if key.endswith(_VALUE) else ""
        return "optimizer slots", match.group(1) + suffix
    if name.split("/")[-1] in _COUNTERS:
        return _COUNTERS[name.split("/")[-1]], ""
    if _OPTIMIZER.match(name):
        return "other optimizer values", ""
    return "", ""


def _object_names(prefix, text):
    """({key: full name}, {key: path through the objects}) of every value."""
    try:
        graph = trackable_object_graph_pb2.TrackableObjectGraph.FromString(text)
    except Exception as error:  # protobuf's DecodeError.
        raise InputError(f"{prefix} is damaged ({error}).") from None
    full_names, paths = {}, {}
    queue, seen = collections.deque([(0, ())]), {0}
    places = {}
    while queue:  # Breadth first: the shortest path names an object.
        node, path = queue.popleft()
        places[node] = path
        for child in graph.nodes[node].children:
            if child.node_id in seen or _LISTS.fullmatch(child.local_name):
                continue
            seen.add(child.node_id)
            queue.append((child.node_id, (*path, child.local_name)))
    for number, node in enumerate(graph.nodes):
        for value in node.attributes:
            full_names[value.checkpoint_key] = value.full_name
            if places.get(number):
                paths[value.checkpoint_key] = "/".join(places[number])
    return full_names, paths


def _step(path):
    match = re.search(r"-(\d+)\.index$", path)
    return int(match.group(1)) if match else -1


def _whole(prefix, step):
    """What `step` returns; an error of TensorFlow's is one line."""
    try:
        return step()
    except (
        tf.errors.OpError,
        RuntimeError,
        ValueError,
        LookupError,  # The reader's word for a file that is cut off.
    ) as error:
        reason = first_line(error)
        raise InputError(
            f"{prefix} is not a whole checkpoint ({reason})."
        ) from None
