"""Trains from what `simclr lower` wrote, where there is no TensorFlow.

    python RUN/train.pyz

Needs jax and NumPy alone. The folder stays a run folder: the same command goes
on where it stopped, and `simclr evaluate RUN` and `simclr pretrain
--workdir=RUN` take over at home.

Letters: N = images in the global batch, R = replicas, n = N / R.
"""

import argparse
import json
import os
import sys
import time

import numpy as np

from simclr.evaluation.votes import top_k_accuracy, votes
from simclr.pjrt.executable import Executable
from simclr.pjrt.steps import Steps
from simclr.training import checkpoint, rundir, stepping
from simclr.training.boundaries import Boundaries
from simclr.training.metrics import Rows
from simclr.training.stopping import EXIT_STOPPED, Pace, Stopper

# Of a device's memory, for the images. What does not fit stays on the host.
_SHARE_FOR_IMAGES = 0.25
# As simclr.evaluation.knn.
_NEIGHBOURS, _TEMPERATURE = 20, 0.1
_QUERIES = 1024


def main(argv=None):
    """The command line; returns its exit status."""
    parser = argparse.ArgumentParser(prog="train.pyz", description=__doc__)
    parser.add_argument(
        "run",
        nargs="?",
        default=os.path.dirname(os.path.abspath(sys.argv[0])),
        help="the folder of `simclr lower`; default: where this file lies",
    )
    parser.add_argument(
        "--platform", help="cpu, gpu or tpu; default: the best that jax has"
    )
    parser.add_argument(
        "--images",
        choices=["auto", "device", "host"],
        default="auto",
        help="where the images lie; auto: on the device, if a quarter of its "
        "memory holds them",
    )
    parser.add_argument("--max_hours", type=float, default=0.0)
    arguments = parser.parse_args(argv)
    try:
        stopped = train(**vars(arguments))
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"train.pyz: {error}", file=sys.stderr)
        return 1 if isinstance(error, FloatingPointError) else 2
    return EXIT_STOPPED if stopped else 0


def train(run, *, platform=None, images="auto", max_hours=0.0):
    """Trains a lowered run to its last step, or to a stop.

    Args:
        run: folder of `simclr lower`.
        platform: "cpu", "gpu", "tpu", or None: the best that jax has.
        images: "device", "host" or "auto".
        max_hours: save and stop after so many hours; 0: no limit.

    Returns:
        "" when finished, else why it stopped.

    Raises:
        ValueError: the folder is not a lowered run, or devices are missing.
        FloatingPointError: the loss or a gradient was not finite.
    """
    signature = _signature(run)
    config = rundir.read_config(run)
    devices = _devices(platform, signature["replicas"])
    _say(f"Devices   {len(devices)} x {devices[0].device_kind}")
    with rundir.open_run(run, config, rundir.read_facts(run)):
        found = checkpoint.read_newest(rundir.checkpoints(run))
        if found is None:
            raise ValueError(f"{run} has no whole checkpoint: lower it again.")
        step, arrays = found
        old = stepping.pop_sums(arrays)
        sums = {k: np.asarray(old.get(k, 0.0)) for k in signature["sums"]}
        stored = Stored(run, "images", devices, images)
        where = "on the device" if stored.on_device else "on the host"
        _say(f"Images    {len(stored):,} of {stored.side} pixels, {where}")
        started = time.monotonic()
        engine = Lowered(run, signature["step"], devices, arrays)
        _say(f"Compiled  in {time.monotonic() - started:.0f} s")
        boundaries = Boundaries(config, len(stored), signature["total_steps"])
        alone = Alone()
        with (
            Outlook(run, config, signature, engine, stored, step) as outlook,
            Stopper(alone, max_hours) as stopper,
        ):
            stopped = stepping.run(
                config,
                engine,
                stored.batches(config, step, engine.executable),
                step=step,
                total_steps=signature["total_steps"],
                sums=sums,
                boundaries=boundaries,
                outlook=outlook,
                stopper=stopper,
                pace=Pace(alone),
                not_finite=_not_finite,
            )
    if stopped:
        _say(
            f"Stopped by {stopped}; saved. The same command goes on from here."
        )
    return stopped


class Alone:
    """Stands for the workers of a run where there is one."""

    several, index = False, 0

    @staticmethod
    def gather(values):
        """Everybody's values: a row."""
        return np.asarray(values, np.float32)[None]


class Lowered:
    """The lowered training step, and the run's state on the devices.

    Args:
        run: folder.
        program: dict, "step" of the signature.
        devices: list of jax devices, R.
        arrays: dict of name -> array: the state.
    """

    def __init__(self, run, program, devices, arrays):
        self.arrays = arrays
        self._names = program["state"]
        frozen = _load(_path(run, "frozen.npz"))
        state = [
            frozen[name] if name in frozen else arrays[name]
            for name in self._names
        ]
        self.executable = _compiled(run, program, devices)
        self.steps = Steps(
            self.executable,
            state,
            results=program["results"],
            updated=program["updated"],
        )
        self.train_steps = self.steps.train_steps
        self.no_sums = self.steps.no_sums

    def pull(self):
        """Brings the state into `arrays`."""
        now = dict(zip(self._names, self.steps.state()))
        self.arrays.update({k: now[k] for k in self.arrays if k in now})

    def copies(self, names):
        """Arrays of the state on the first device, by their names."""
        return [self.steps.on_device(self._names.index(k)) for k in names]


class Stored:
    """Images as `simclr lower` stored them, and what belongs to each.

    Args:
        run: folder.
        name: "images" or "eval_images".
        devices: list of jax devices.
        where: "device", "host" or "auto".
    """

    def __init__(self, run, name, devices, where):
        import jax

        self._images = np.load(_path(run, f"{name}.npy"), mmap_mode="r")
        self.rows = _load(_path(run, f"{name}_rows.npz"))
        self._devices = devices
        room = (devices[0].memory_stats() or {}).get("bytes_limit", np.inf)
        self.on_device = where == "device" or (
            where == "auto" and self._images.nbytes < _SHARE_FOR_IMAGES * room
        )
        if self.on_device:
            self._copies = [jax.device_put(self._images, d) for d in devices]
            self._take = jax.jit(lambda images, rows: images[rows])

    def __len__(self):
        return len(self._images)

    @property
    def side(self):
        """Of a stored image, pixels."""
        return self._images.shape[1]

    def take(self, rows, place=0):
        """Some images, on one of the devices."""
        import jax

        device = self._devices[place]
        if self.on_device:
            rows = jax.device_put(rows.astype(np.int32), device)
            return self._take(self._copies[place], rows)
        return jax.device_put(self._images[rows], device)

    def batches(self, config, step, executable):
        """What the lowered step takes, from `step` on.

        Yields:
            list of jax arrays, a parameter each.
        """
        order = Order(config.seed, len(self))
        while True:
            rows = order.rows(step, config.batch_size)
            shares = np.split(rows, len(self._devices))
            batch = {
                name: executable.put([self.rows[name][rows] for rows in shares])
                for name in ("extents", "label", "replaced")
            }
            batch["images"] = executable.join(
                [self.take(rows, place) for place, rows in enumerate(shares)]
            )
            batch["step"] = executable.put(np.int64(step))
            yield [batch[name] for name in sorted(batch)]
            step += 1


class Order:
    """Which image at which step: a permutation of all in every epoch.

    A function of (seed, step), like simclr/data/order.py; not the same one.
    """

    def __init__(self, seed, num):
        self._seed, self._num, self._known = seed, num, {}

    def rows(self, step, size):
        """int64 [size], the images of the global batch at `step`."""
        position = step * size + np.arange(size)
        epochs, places = position // self._num, position % self._num
        rows = np.zeros(size, np.int64)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            rows[here] = self._permutation(int(epoch))[places[here]]
        return rows

    def _permutation(self, epoch):
        if epoch not in self._known:
            bits = np.random.Philox(key=[self._seed, epoch])
            shuffled = np.random.Generator(bits).permutation(self._num)
            # A batch crosses from one epoch to the next at most.
            self._known = {
                k: v for k, v in self._known.items() if k == epoch - 1
            } | {epoch: shuffled}
        return self._known[epoch]


class Outlook:
    """Writes the run folder and says how far it is; see outlook.Chief."""

    def __init__(self, run, config, signature, engine, stored, step):
        self._run, self._config = run, config
        self._signature, self._engine = signature, engine
        self._stored = {"images": stored}
        self._rows = Rows(run, step)
        self._next_line = 0.0
        self._encoder = None

    def progress(self, step, means, speed):
        """A line, twice a minute."""
        total = self._signature["total_steps"]
        if time.monotonic() < self._next_line and step < total:
            return
        shown = f"step {step}/{total}  loss {means['loss']:.3f}"
        if speed:
            self._next_line = time.monotonic() + 30
            hours = (total - step) * self._config.batch_size / speed / 3600
            shown += f"  {speed:,.0f} images/s  {hours:.2f} hours left"
        _say(shown)

    def log(self, step, means, speed):
        """A row of metrics."""
        images = len(self._stored["images"])
        self._rows.write(
            step,
            **means,
            epoch=step * self._config.batch_size / images,
            images_per_second=speed,
        )

    def save(self, step, row=()):
        """A checkpoint of the state that was pulled."""
        checkpoint.save(
            rundir.checkpoints(self._run),
            step,
            {**self._engine.arrays, **dict(row)},
            keep=self._config.train.keep_checkpoints,
        )

    def kept(self):
        """The newest checkpoint's name."""
        return os.path.basename(
            checkpoint.finished(rundir.checkpoints(self._run))[-1]
        )

    def evaluate(self, step):
        """A row with kNN's accuracy, where there are labels."""
        if "parts" not in self._signature:
            return
        fit, score = (self._embed(part) for part in ("fit", "score"))
        parts = _load(_path(self._run, "parts.npz"))
        index, similarity = nearest(fit, score, _NEIGHBOURS)
        answers = votes(
            parts["fit_label"][index],
            similarity,
            self._signature["classes"],
            _TEMPERATURE,
        )
        knn = top_k_accuracy(answers, parts["score_label"])
        self._rows.write(step, knn=knn)
        _say(f"step {step}  knn {knn:.4f} of {len(score):,} images")

    def _embed(self, part):
        """Features [m, f] of the images of a part."""
        program = self._signature["encoder"]
        device = self._engine.executable.devices[0]
        if self._encoder is None:
            self._encoder = _compiled(self._run, program, [device])
        name = self._signature["parts"][part]
        if name not in self._stored:
            self._stored[name] = Stored(self._run, name, [device], "host")
        stored = self._stored[name]
        chosen = _load(_path(self._run, "parts.npz"))[f"{part}_rows"]
        state = self._engine.copies(program["state"])
        found = []
        for start in range(0, len(chosen), program["rows"]):
            rows = chosen[start : start + program["rows"]]
            filled = np.resize(rows, program["rows"])
            boxes = self._encoder.put(stored.rows["boxes"][filled])
            [h] = self._encoder([boxes, stored.take(filled), *state])
            found.append((h, len(rows)))
        return np.concatenate([np.asarray(h)[:count] for h, count in found])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._rows.close()


def nearest(h, queries, k):
    """The k most similar rows of `h` to each query, by cosine.

    Args:
        h: float32 [m, f].
        queries: float32 [q, f].
        k: int; m where there are fewer.

    Returns:
        index: int [q, k], the most similar first.
        similarity: float32 [q, k].
    """
    import jax

    def unit(x):
        length = np.linalg.norm(x, axis=1, keepdims=True)
        return x / np.maximum(length, 1e-12)

    @jax.jit
    def best(queries, h):
        exact = jax.lax.Precision.HIGHEST
        similarity = jax.numpy.matmul(queries, h.T, precision=exact)
        return jax.lax.top_k(similarity, min(k, len(h)))

    h, queries = jax.device_put(unit(h)), unit(queries)
    found = [
        best(queries[i : i + _QUERIES], h)
        for i in range(0, len(queries), _QUERIES)
    ]
    similarity, index = (np.concatenate(x) for x in zip(*found))
    return index, similarity


def _signature(run):
    try:
        with open(_path(run, "signature.json")) as file:
            return json.load(file)
    except FileNotFoundError:
        raise ValueError(
            f"{run} is not lowered: say simclr lower --workdir={run}."
        ) from None


def _devices(platform, replicas):
    if platform:
        os.environ["JAX_PLATFORMS"] = {"gpu": "cuda,rocm"}.get(
            platform, platform
        )
    import jax

    # Keras counts steps in int64.
    jax.config.update("jax_enable_x64", True)
    if platform == "cpu":
        jax.config.update("jax_num_cpu_devices", replicas)
    try:
        found = jax.devices(platform)
    except RuntimeError as error:
        raise ValueError(str(error).splitlines()[0]) from error
    if len(found) < replicas:
        raise ValueError(
            f"The run was lowered for {replicas} devices, and jax has "
            f"{len(found)}: lower it again with --replicas={len(found)}."
        )
    return found[:replicas]


def _compiled(run, program, devices):
    with open(_path(run, program["file"]), "rb") as file:
        return Executable(file.read(), devices)


def _load(path):
    """Arrays of an .npz file by their names."""
    with np.load(path, allow_pickle=False) as zipped:
        return dict(zipped)


def _path(run, name):
    return os.path.join(run, "lowered", name)


def _not_finite(step, norms, last):
    count = int(np.sum(~np.isfinite(norms)))
    return (
        f"The loss or a gradient is not finite at step {step} ({count} of "
        f"{len(norms)} gradients are not). Last good checkpoint: {last}. Lower "
        "optimizer.base_lr or lengthen optimizer.warmup_epochs."
    )


def _say(text):
    print(text, file=sys.stderr, flush=True)
