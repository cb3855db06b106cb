"""--on=ray: the same tables as one process, on two machines of a cluster."""

import functools
import importlib
import importlib.util
import os
import shutil
import socket
import time

import numpy as np
import pytest

import simclr
from simclr import __main__ as cli
from simclr.executors import HERE, machines, on_ray, open_executor
from simclr.explore import known_images
from simclr.explore.store.store import Store
from simclr.messages.errors import InputError
from tests import made_store, ray_tasks, tiny, tiny_classifier

ray = pytest.importorskip("ray")
DAY = "2026-01-02"


@pytest.fixture(scope="module")
def on():
    """`--on` of a cluster of two machines, each with two CPUs."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.getcwd())  # This copy, there, too.
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")  # As fast as this process.
        cluster = Cluster()
        for _ in range(2):
            cluster.add_node(
                num_cpus=2,
                object_store_memory=80 << 20,
                include_dashboard=False,
            )
        yield f"ray:{cluster.address}"
        cluster.shutdown()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tiny_classifier.write(tmp_path_factory.mktemp("run"), "photos")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return tiny.write_photos_and_a_bad_one(tmp_path_factory.mktemp("new"))


@pytest.fixture
def loses_one(monkeypatch, tmp_path):
    """Commands on Ray lose a worker at their first task."""
    marker = tmp_path / "marker"

    def lose_one(module):
        def opened(on, **options):
            executor = open_executor(on, **options)
            return ray_tasks.LosesOne(executor, marker)

        marker.unlink(missing_ok=True)
        monkeypatch.setattr(module, "open_executor", opened)

    yield lose_one
    assert marker.exists(), "no worker was lost"


def tables_of(store):
    """dict of name -> all columns of a table of a store, in its order."""
    names = [path.stem for path in store.glob("*.lance")]
    found = {
        name: Store(str(store)).beside(name).to_table(scan_in_order=True)
        for name in names
    }
    assert found["images"].num_rows
    return found


def assert_same(one, other):
    """Two stores hold the same, up to the last bits of vectors and scores."""
    one, other = tables_of(one), tables_of(other)
    assert one.keys() == other.keys()
    for name, table in one.items():
        for column in table.column_names:
            left, right = table[column], other[name][column]
            if left.equals(right):
                continue
            left, right = (np.array(c.to_pylist()) for c in (left, right))
            assert left.dtype.kind == "f", f"{name}, {column}"
            np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-3)


def test_results_come_in_order_from_several_processes(on):
    with open_executor(on) as executor:
        assert executor.workers == 2
        found = list(executor.map(ray_tasks.twice, map(np.int64, range(30))))
    files, processes, results = zip(*found)
    assert results == tuple(range(0, 60, 2))
    assert set(files) == {simclr.__file__}
    assert len(set(processes) - {os.getpid()}) == 2


def test_tasks_are_drawn_as_they_are_needed(on):
    drawn = []
    with open_executor(on) as executor:
        results = executor.map(
            ray_tasks.twice, (drawn.append(i) or i for i in range(99))
        )
        next(results)
        assert len(drawn) <= 3 * executor.workers
        results.close()
        assert [r for _, _, r in executor.map(ray_tasks.twice, "ab")] == [
            *("aa", "bb")
        ]


def test_a_lost_worker_costs_what_it_had(on, tmp_path, capfd):
    with open_executor(on) as executor:
        function = functools.partial(ray_tasks.lost, str(tmp_path / "marker"))
        assert list(executor.map(function, range(8))) == list(range(8))
    assert "was lost: what it had is done again" in capfd.readouterr().err


def test_errors_of_a_task(on):
    refused = pytest.raises(InputError, match=r"Task \d is no good")
    with open_executor(on) as executor, refused:
        list(executor.map(ray_tasks.refused, range(9)))


@pytest.mark.slow
def test_a_task_that_kills_every_worker(on):
    stopped = pytest.raises(InputError, match="4 workers were lost by the same")
    with open_executor(on) as executor, stopped:
        list(executor.map(ray_tasks.always_lost, range(2)))


def test_embed(on, run, photos, tmp_path, capsys):
    here, there = tmp_path / "here", tmp_path / "there"
    line = ["embed", run, str(photos), f"--day={DAY}"]
    assert cli.main([*line, f"--out={here}"]) == 0
    assert cli.main([*line, f"--out={there}", f"--on={on}"]) == 0
    assert "workers of Ray: 2" in capsys.readouterr().out
    assert_same(here, there)
    assert (here / "unreadable.tsv").read_text() == (
        there / "unreadable.tsv"
    ).read_text()
    assert not list((there / "pending").iterdir())


@pytest.mark.slow
def test_embed_with_a_worker_lost(on, run, photos, tmp_path, loses_one):
    here, there = tmp_path / "here", tmp_path / "there"
    line = ["embed", run, str(photos), f"--day={DAY}"]
    assert cli.main([*line, f"--out={here}"]) == 0
    loses_one(importlib.import_module("simclr.commands.explore.embed"))
    assert cli.main([*line, f"--out={there}", f"--on={on}"]) == 0
    assert_same(here, there)


def test_dedup_and_assign(on, tmp_path, monkeypatch, loses_one):
    """A worker is lost in both."""
    here, there = tmp_path / "here", tmp_path / "there"
    rows = np.random.default_rng(0).normal(size=[20_600, 24])
    rows[20_300:20_600] = rows[:300]
    made_store.begin(here, rows[:20_400])
    simclr.cluster(str(here), k=4, quiet=True)
    shutil.copytree(here, there)
    monkeypatch.setattr(known_images, "_BLOCK", 4_000)
    options = {"threshold": 0.25, "quiet": True}
    found = simclr.dedup(str(here), **options)
    loses_one(importlib.import_module("simclr.commands.explore.dedup"))
    again = simclr.dedup(str(there), on=on, **options)
    assert found.duplicates >= 100 and found.groups.equals(again.groups)
    assert_same(here, there)
    for path in (here, there):
        store = Store(str(path))
        new = made_store.rows_of(rows[20_400:], store.current, first=20_400)
        store.append(new.to_batches())
    options = {"day": DAY, "quiet": True}
    table = simclr.assign(str(here), **options)
    assert len(table) == 200 and table["duplicate"].null_count < 10
    loses_one(importlib.import_module("simclr.commands.explore.assign"))
    assert table.equals(simclr.assign(str(there), on=on, **options))
    assert_same(here, there)


@pytest.mark.slow
def test_between_two_stores(on, tmp_path):
    rows = np.random.default_rng(0).normal(size=[20_100, 24])
    rows[:50] = rows[-50:]
    one = made_store.begin(tmp_path / "one", rows[:20_050])
    other = made_store.begin(tmp_path / "other", rows[20_050:])
    options = {"against": one.path, "threshold": 0.25, "quiet": True}
    found = simclr.dedup(other.path, **options)
    again = simclr.dedup(other.path, on=on, **options)
    assert found.duplicates == 50 and found.groups.equals(again.groups)


def machine(name, **has):
    return name, name, has


def test_a_worker_takes_a_machine_but_for_one_cpu():
    found = machines.working(
        [machine("a", CPU=2.0), machine("b", CPU=8.0, GPU=4.0, memory=1e9)],
        accelerators=False,
    )
    assert [(m.cpus, m.accelerators) for m in found] == [(1, {}), (7, {})]


def test_machines_with_accelerators_embed_alone():
    all_of_them = [
        machine("head", CPU=4.0),
        machine("gpus", CPU=8.0, GPU=4.0),
        machine("tpus", CPU=96.0, TPU=8.0),
    ]
    found = machines.working(all_of_them, accelerators=True)
    assert [m.name for m in found] == ["gpus", "tpus"]
    assert [m.accelerators for m in found] == [{"GPU": 4}, {"TPU": 8}]


def test_too_few_cpus():
    with pytest.raises(InputError, match="2 machines with 2 CPUs in all"):
        machines.working(
            [machine("a", CPU=1.0), machine("b", CPU=1.0)], accelerators=False
        )


def test_cpus_that_others_hold_stop_it_before_the_start(
    on, run, photos, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(on_ray, "_FREED_S", 0)
    out = tmp_path / "store"
    with open_executor(on):
        others = ray.util.placement_group([{"CPU": 2}, {"CPU": 2}])
        assert others.wait(60)
        while ray.available_resources().get("CPU", 0):  # It takes a while.
            time.sleep(0.1)
        line = ["embed", run, str(photos), f"--out={out}", f"--on={on}"]
        assert cli.main(line) == 2
    said = capsys.readouterr().err
    assert "0 CPUs of Ray are free and 2 are needed" in said
    assert not out.exists()


def test_a_wrong_address(run, photos, tmp_path, capsys):
    with socket.socket() as free:  # Bound, and nobody listens.
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        for address in (f"127.0.0.1:{port}", "nowhere", "127.0.0.1:no"):
            out = tmp_path / "store"
            line = ["embed", run, str(photos), f"--out={out}"]
            assert cli.main([*line, f"--on=ray:{address}"]) == 2
            said = capsys.readouterr().err
            assert f"No Ray answers at '{address}'" in said
            assert said.count("\n") == 1
            assert not out.exists()


@pytest.mark.parametrize("on", ["rays", "ray:", "", "there:1"])
def test_no_such_executor(on):
    with pytest.raises(InputError, match="choose here, ray or ray:HOST:PORT"):
        open_executor(on)


def test_ray_is_not_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"Ray is not installed: .*\[ray\]"):
        open_executor("ray")


def test_this_process_draws_tasks_one_by_one():
    drawn = []
    results = HERE.map(abs, (drawn.append(i) or -i for i in range(9)))
    assert next(results) == 0 and drawn == [0]
