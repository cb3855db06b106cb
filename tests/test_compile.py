"""simclr compile: a step's needs on a TPU slice, by the TPU's own compiler."""

import dataclasses
import json
import math
import os
import re
import subprocess
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.compiler.tf2xla.ops import gen_xla_ops

from simclr import __main__ as cli
from simclr import collectives
from simclr import config as config_lib
from simclr.config import Augment
from simclr.data import batches
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.lowering import program, xla
from simclr.messages.errors import InputError
from simclr.tpu import buffers, compiler, largest_batch, roofline, slices
from simclr.training.tasks import Pretrain


def test_slices():
    for name in slices.names():
        slice_ = slices.get(name)
        assert slice_.name == name and slice_.chips >= 1
        # By chips from v5e on; before, by cores, two a chip.
        count = int(name.split("-")[1])
        by_chip = slice_.version in ("v5e", "v6e")
        assert slice_.chips == (count if by_chip else count // 2)
    assert slices.get("v3-8").replicas == 8
    with pytest.raises(ValueError, match="Did you mean v5e-8"):
        slices.get("v5e-9")


@pytest.mark.parametrize("per_row", [3.0, 100.0, 999.0])
@pytest.mark.parametrize("first", [1, 16, 512])
@pytest.mark.parametrize("unit", [1, 4])
def test_search_for_the_largest_batch(per_row, first, unit):
    """Fits, is a multiple of the unit, within an eighth, in few tries."""
    asked = []

    def memory(rows):
        asked.append(rows)
        return 500 + per_row * rows + 0.001 * rows**2

    first *= unit
    fits, too_many = largest_batch.search(
        memory, first, limit=10_000, unit=unit
    )
    assert len(asked) == len(set(asked)) <= 7
    assert fits % unit == too_many % unit == 0
    assert (fits == 0 or memory(fits) <= 10_000) and memory(too_many) > 10_000
    assert too_many - fits <= max(unit, fits / 8)


def test_search_stops_at_what_may_be_asked():
    assert largest_batch.search(lambda n: n, 8, limit=1e9, at_most=100) == (
        100,
        None,
    )


def test_nothing_fits():
    assert largest_batch.search(lambda n: 99 + n, 8, limit=50) == (0, 1)


@pytest.mark.parametrize("on_device", [True, False])
@pytest.mark.parametrize("views", [1, 2])
def test_spec_of_a_batch_is_that_of_the_batches(on_device, views):
    source = open_source("sample/train")
    targets = np.zeros([len(source), 7], np.float32) if views == 1 else None
    steps = batches.training_batches(
        Reader(source),
        replicas=1,
        seed=0,
        batch_size=8,
        image_size=24,
        augment=Augment(),
        on_device=on_device,
        first_step=0,
        last_step=1,
        views=views,
        targets=targets,
    )
    batch = next(iter(steps(tf.distribute.InputContext())))
    spec = batches.batch_spec(
        8,
        image_size=24,
        on_device=on_device,
        augment=Augment(),
        views=views,
        target_dims=7 if views == 1 else 0,
    )
    tf.nest.assert_same_structure(batch, spec)
    for tensor, expected in zip(tf.nest.flatten(batch), tf.nest.flatten(spec)):
        assert tensor.dtype == expected.dtype
        assert tensor.shape == expected.shape


def host_step(x):
    return tf.numpy_function(np.sin, [x], tf.float32)


def test_what_xla_cannot_run_is_named_with_its_line():
    line = host_step.__code__.co_firstlineno + 1
    with pytest.raises(ValueError, match=rf"PyFunc.*test_compile.py:{line}"):
        xla.lower(host_step, [tf.TensorSpec([4])], num_replicas=2)


def strange_step(x):
    return gen_xla_ops.xla_custom_call_v2(
        [x],
        call_target_name="nobody_knows_this",
        backend_config="",
        has_side_effect=False,
        result_dtypes=[tf.float32],
        result_shapes=[tf.TensorShape([4])],
    )[0]


def test_what_the_compiler_refuses_is_named_with_its_line():
    spec = tf.TensorSpec([4])
    function = xla.replica_function(strange_step, [spec], num_replicas=2)
    graph = function.get_concrete_function(spec).graph
    message = "Custom emitter for nobody_knows_this not found"
    first = strange_step.__code__.co_firstlineno
    path, line = xla.made_at(graph, message).rsplit(":", 1)
    assert path.endswith("test_compile.py") and 0 < int(line) - first < 10
    assert xla.made_at(graph, "Something else") == ""


def test_roofline():
    slice_ = slices.get("v5e-8")
    compiled = compiler.Compiled(
        flops=197e12,
        bytes_accessed=2 * 819e9,
        state=0,
        temporary=0,
        code=0,
        collectives={"all-reduce": (3, 200e9)},
    )
    line = roofline.estimate(compiled, slice_)
    assert (line.compute, line.memory) == (1, 2)
    assert line.network == 2 * 7 / 8
    assert line.step == 2 + 2 * 7 / 8 and line.bound == "memory"


def test_command(monkeypatch, capsys, tmp_path):
    """From a recipe to the lines and the JSON; a made-up compiler."""

    def compile_for(slice_, hlo):
        assert isinstance(hlo, bytes)
        compiled_for.append(slice_.name)
        rows = rows_of[0]
        if rows > 40:
            raise compiler.DoesNotFit(rows * 2**29)
        return compiler.Compiled(
            flops=1e9 * rows,
            bytes_accessed=1e9 * rows,
            state=2**20,
            temporary=rows * 2**28,
            code=2**20,
            collectives={"all-reduce": (4, 4e6)},
        )

    def assign(slice_, hlo):
        assigned_for.append(slice_.name)
        whole = compile_for(slice_, hlo)
        compiled_for.pop()
        return dataclasses.replace(whole, code=0)

    rows_of = [0]
    compiled_for, assigned_for = [], []

    def noting_rows(task, *, replicas, on_device):
        assert on_device
        images = task.config.train.microbatch or task.config.batch_size
        rows_of[0] = images // replicas
        # Gradient caching takes some memory itself.
        rows_of[0] += 10 if task.config.train.microbatch else 0
        return types.SimpleNamespace(hlo=b"")

    lower_task = program.lower_task
    monkeypatch.setattr(compiler, "require", lambda: None)
    monkeypatch.setattr(compiler, "compile_for", compile_for)
    monkeypatch.setattr(buffers, "assign", assign)
    monkeypatch.setattr(program, "lower_task", noting_rows)
    out = tmp_path / "facts.json"
    arguments = [
        "compile",
        "--config=configs/demo.py",
        "--topology=v3-8",
        "--set=batch_size=512",
        "--set=model.width=0.125",
        "--set=model.depth=10",
        "--set=data.image_size=16",
        f"--out={out}",
    ]
    assert cli.main([*arguments, "--images=9000", "--classes=10"]) == 1
    said = capsys.readouterr().err
    largest = json.loads(out.read_text())[0]["largest_batch"]
    assert 320 * 8 / 9 <= largest <= 320
    assert "does not fit" in said
    assert f"Largest   a batch of {largest} fits" in said
    # 256 divides 512, but does not fit beside what caching takes.
    assert "batch 512, 256 at a time, up to its buffers: 21.00 GiB" in said
    assert "--set train.microbatch=128" in said
    # The recipe's own batch to the end, the search up to the buffers.
    assert compiled_for[0] == "v3-8" and len(assigned_for) > 1

    compiled_for.clear()
    arguments[3] = "--set=batch_size=64"
    sizes = ["--images=9000", "--classes=10"]
    assert cli.main([*arguments, *sizes, "--nosearch", "--nocode"]) == 0
    said = capsys.readouterr().err
    assert "batch 64, up to its buffers: 2.00 GiB" in said
    assert "program unknown" in said and compiled_for == []

    rows_of[0] = 8
    compiled_for.clear()
    monkeypatch.setattr(program, "lower_task", lower_task)
    arguments[2] = "--topology=v3-8,v5e-8"
    assert cli.main([*arguments, "--nosearch"]) == 0
    said = capsys.readouterr().err
    assert "2.00 GiB of 16 a core: fits" in said
    assert "2.00 GiB of 16 a chip: fits" in said
    assert said.count("Traced ") == 1  # For both have eight replicas.
    assert compiled_for == ["v3-8", "v5e-8"]
    facts, _ = json.loads(out.read_text())
    assert facts["fits"] and facts["flops"] == 8e9
    assert facts["hours"] * 4 == facts["chip_hours"]
    # What its hosts must bring for that: demo.py's images are small.
    speed = facts["images_per_second"]
    needed = math.ceil(speed / 4090)
    assert facts["feeding"]["vcpus"] == needed
    assert facts["feeding"]["has"] == 96
    assert (
        f"small images in memory: {needed:,} of the hosts' 96 vCPUs (4,090 "
        "images/s each, measured)" in said
    )
    reached = f"here {0.93 * speed:,.0f} to {0.96 * speed:,.0f} images/s;"
    assert reached in said and "published SimCLR 0.35 to 0.52" in said
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ("", "--config=RECIPE"),
        ("--config=configs/demo.py --topology=", "--topology=SLICE"),
        ("--config=configs/demo.py --topology=v3-8,v9-8", "v9-8 is not known"),
        ("--config=configs/demo.py --set batch_size=129", "does not divide"),
        ("--config=configs/imagenet_distill.py", "There is no teacher"),
        (
            "--config=configs/demo.py --set loss.name=ntxent",
            "No objective 'ntxent' (loss.name); choose one of nt_xent",
        ),
        (
            "--config=configs/demo.py --set train.precision=mixed_float16",
            "TPUs do not compute in float16",
        ),
        (
            "--config=configs/demo.py --data=/no/such",
            "/no/such is not at hand",
        ),
    ],
)
def test_bad_input(arguments, message, monkeypatch, capsys):
    monkeypatch.setattr(compiler, "require", lambda: None)
    assert cli.main(["compile", *arguments.split()]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_missing_extra_is_named(monkeypatch, capsys):
    monkeypatch.setattr(compiler.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"pip install -e .*\[aot\]"):
        compiler.require()


def test_what_a_compilers_error_means():
    """As libtpu 0.0.23.1 puts it."""
    error = compiler._meaning(
        "RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm. Used "
        "20.50G of 15.75G hbm. Exceeded hbm capacity by 4.75G."
    )
    assert isinstance(error, compiler.DoesNotFit)
    assert error.needed == 20.5 * 2**30
    error = compiler._meaning(
        "RESOURCE_EXHAUSTED: Allocation (size=40038400000) would exceed memory "
        "(size=17179869184) :: #allocation31"
    )
    assert isinstance(error, compiler.DoesNotFit)
    assert error.needed == 40038400000
    error = compiler._meaning(
        "INVALID_ARGUMENT: Custom emitter for x not found"
    )
    assert isinstance(error, compiler.Refused)


def test_buffers_are_read():
    """In the form of libtpu 0.0.23.1."""
    text = """BufferAssignment:
allocation 0: size 512, thread-local:
 value: <224 XlaAllReduce.2397 @0> (size=512,offset=0): f32[]{:T(128)}
allocation 1: size 1000, parameter 15, shape |u8[25,40]| at ShapeIndex {}:
 value: <8050 XLA_Args.84 @0> (size=1000,offset=0): u8[25,40]{1,0:T(8,128)}
allocation 3: size 400, parameter 2, shape |f32[100]| at ShapeIndex {}, \
maybe-live-out:
allocation 4: size 24, output shape is |(f32[], f32[100])|, maybe-live-out:
allocation 5: size 512, constant:
allocation 6: size 148, color 2, preallocated-temp:
allocation 7: size 28000, preallocated-temp:
allocation 8: size 117440512, color 1, preallocated-temp:
"""
    assert buffers.assigned(text.replace("\\\n", "")) == (1424, 28000)


ALMOST_FULL = json.dumps(
    [
        "compiled",
        {
            **dict.fromkeys(("flops", "bytes_accessed", "state", "code"), 0),
            "temporary": 15.6 * 2**30,
            "collectives": {},
        },
    ]
)


@pytest.mark.parametrize(
    "ended, error, message",
    [
        ((0, '["does not fit", 99]', ""), compiler.DoesNotFit, "needs"),
        ((0, ALMOST_FULL, ""), compiler.DoesNotFit, "15.60 GiB"),
        ((0, '["refused", "no x"]', ""), compiler.Refused, "no x"),
        ((0, '["error", "no y"]', ""), ValueError, "no y"),
        ((-9, "", "so\nit is"), ValueError, "with status -9: it is"),
    ],
)
def test_what_the_other_process_says(ended, error, message, monkeypatch):
    def run(command, **_):
        return subprocess.CompletedProcess(command, *ended)

    monkeypatch.setattr(compiler, "require", lambda: None)
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(error, match=message):
        buffers.assign(slices.get("v5e-8"), b"")


def test_a_compiler_that_does_not_end(monkeypatch):
    def run(command, timeout, **_):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(compiler, "require", lambda: None)
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(InputError, match="not come to its buffers in 2 hours"):
        buffers.assign(slices.get("v5e-8"), b"")


def test_what_the_compiler_asks_of_the_environment_is_put_back(monkeypatch):
    monkeypatch.setenv("TPU_WORKER_ID", "3")
    monkeypatch.delenv("TPU_SKIP_MDS_QUERY", raising=False)
    before, seen = dict(os.environ), {}

    def require():
        seen.update(os.environ)
        raise InputError("jax is missing")

    monkeypatch.setattr(compiler, "require", require)
    with pytest.raises(InputError):
        compiler.compile_for(slices.get("v5e-8"), b"")
    assert dict(os.environ) == before
    assert seen["TPU_SKIP_MDS_QUERY"] == "1" and seen["TPU_WORKER_ID"] == "3"


@pytest.fixture
def real_compiler():
    """Where jax and libtpu are: make slow installs them."""
    pytest.importorskip("jax")
    pytest.importorskip("libtpu")


def lowered(step, shape):
    return xla.lower(
        step, [tf.TensorSpec(shape)], num_replicas=8, stage="hlo_serialized"
    )


@pytest.mark.slow
@pytest.mark.usefixtures("real_compiler")
def test_the_real_compiler_refuses():
    hlo = lowered(strange_step, [4])
    for ask in (compiler.compile_for, buffers.assign):
        with pytest.raises(compiler.Refused, match="nobody_knows_this"):
            ask(slices.get("v5e-8"), hlo)


@pytest.mark.slow
@pytest.mark.usefixtures("real_compiler")
@pytest.mark.parametrize("name", slices.names())
def test_the_real_compiler_knows_every_slice(name):
    slice_ = slices.get(name)
    assert len(compiler._devices(slice_)) == slice_.replicas


@pytest.mark.slow
@pytest.mark.usefixtures("real_compiler")
def test_the_real_compiler_says_what_does_not_fit():
    def step(x):  # 40 GB that must be there at once.
        return tf.sort(tf.sin(tf.linspace(x, 2 * x, 10**5, axis=1)), axis=0)

    hlo = lowered(step, [10**5])
    for ask in (compiler.compile_for, buffers.assign):
        with pytest.raises(compiler.DoesNotFit) as caught:
            ask(slices.get("v5e-8"), hlo)
        assert caught.value.needed > 16 * 2**30


@pytest.mark.slow
@pytest.mark.usefixtures("real_compiler")
def test_buffers_are_those_of_the_whole_compilation():
    def step(x):
        (gradient,) = tf.gradients(tf.reduce_sum(tf.sin(x @ x) @ x), x)
        return collectives.sum_over_replicas([gradient])

    hlo = lowered(step, [2048, 2048])
    for name in ("v5e-8", "v3-8"):
        whole = compiler.compile_for(slices.get(name), hlo)
        quick = buffers.assign(slices.get(name), hlo)
        assert whole.code > 0 == quick.code
        assert quick.state == whole.state > 2048 * 2048 * 4
        assert quick.flops == pytest.approx(whole.flops, rel=1e-3)
        assert quick.collectives == whole.collectives != {}
        assert abs(whole.temporary - quick.temporary) < 2**26
        assert quick.bytes_accessed == pytest.approx(
            whole.bytes_accessed, rel=0.1
        )


@pytest.mark.slow
@pytest.mark.usefixtures("real_compiler")
def test_a_small_net_on_the_real_compiler(capsys, tmp_path):
    """The whole command: two nets, of which one caches its gradient."""
    facts = []
    for microbatch in (0, 32):
        out = tmp_path / f"{microbatch}.json"
        status = cli.main(
            [
                "compile",
                "--config=configs/demo.py",
                "--nosearch",
                "--set=model.width=0.125",
                "--set=data.image_size=16",
                "--set=batch_size=128",
                f"--set=train.microbatch={microbatch}",
                f"--out={out}",
            ]
        )
        assert status == 0, capsys.readouterr().err
        facts += json.loads(out.read_text())
    plain, cached = facts
    count, size = plain["collectives"]["all-reduce"]
    assert count > 40 and size > 4 * 170_000  # Of each gradient at least.
    # A look more, of three; what the compiler says counts one of four rounds.
    assert 1.1 < cached["flops"] / plain["flops"] < 1.6
    assert cached["collectives"]["all-reduce"][0] > 2 * count


@pytest.mark.slow
@pytest.mark.usefixtures("real_compiler")
def test_no_activation_is_copied_to_float32(monkeypatch):
    """In the compiled text, outside of what the compiler fuses."""
    n = 48  # A number of rows that nothing else has.
    config = config_lib.Config(
        batch_size=n,
        data=config_lib.Data(image_size=64),
        model=config_lib.Model(depth=18),
        train=config_lib.Train(precision="mixed_bfloat16"),
    )
    task = Pretrain(config, num_examples=1000, num_classes=0)
    texts = []

    def factors(text):
        texts.append(text)
        return real(text)

    real = compiler.hlo_text.loop_factors
    monkeypatch.setattr(compiler.hlo_text, "loop_factors", factors)
    lowered = program.lower_task(task, replicas=1)
    compiler.compile_for(slices.get("v5e-1"), lowered.hlo)
    found, computation = {"f32": set(), "bf16": set()}, ""
    for line in texts[0].splitlines():
        if line.endswith("{"):
            computation = line.split()[0]
        elif "fused" not in computation and " = " in line:
            result = line.split(" = ")[1].split("(%")[0]
            for kind, dims in re.findall(r"\b(f32|bf16)\[([\d,]+)\]", result):
                shape = [int(side) for side in dims.split(",")]
                # Of z there is one float32 number a dimension: [2 n, 1, 1, d].
                if shape[0] == 2 * n and len(shape) == 4 and shape[1] > 1:
                    found[kind].add(dims)
    assert len(found["bf16"]) > 5 and not found["f32"]
