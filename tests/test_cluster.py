"""Several hosts: what tf.distribute cannot feed is refused, PJRT's workers."""

import json
import types

import pytest
import tensorflow as tf

from simclr.engines import strategies
from simclr.engines.workers import Workers
from simclr.executors import meeting
from simclr.messages.errors import ClusterError, InputError
from simclr.pjrt import cluster


@pytest.fixture
def slice_of(monkeypatch):
    """A function: from now on the TPU slice has so many hosts."""
    resolvers = tf.distribute.cluster_resolver
    monkeypatch.setattr(resolvers, "TPUClusterResolver", lambda name: name)
    monkeypatch.setattr(
        tf.tpu.experimental, "initialize_tpu_system", lambda resolver: None
    )
    monkeypatch.delenv("TPU_NAME", raising=False)

    def slice_of(hosts):
        strategies._tpu_strategy.cache_clear()
        fake = types.SimpleNamespace(
            extended=types.SimpleNamespace(num_hosts=hosts),
            num_replicas_in_sync=8 * hosts,
        )
        monkeypatch.setattr(tf.distribute, "TPUStrategy", lambda _: fake)
        return fake

    yield slice_of
    strategies._tpu_strategy.cache_clear()


def test_a_slice_of_several_hosts_is_refused_with_what_to_do(slice_of):
    slice_of(hosts=4)
    with pytest.raises(InputError) as caught:
        strategies.make_strategy("tpu")
    assert "4 hosts" in str(caught.value)
    assert "--engine=pjrt --strategy=multiworker" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_slice_of_one_host_is_taken(slice_of):
    fake = slice_of(hosts=1)
    assert strategies.make_strategy("tpu") == (fake, "8 TPU cores")


def test_jax_joins_those_whom_tf_config_names(monkeypatch):
    """Once they have met; the first one's port is jax's."""
    jax = pytest.importorskip("jax")
    done = []
    monkeypatch.setattr(cluster, "_joined", [])
    monkeypatch.setattr(
        meeting, "meet", lambda named, keep: done.append((named.index, keep))
    )
    monkeypatch.setattr(
        jax.distributed, "initialize", lambda **named: done.append(named)
    )
    for index in range(2):
        monkeypatch.setenv("TF_CONFIG", two_workers(index))
        cluster._joined.clear()
        cluster.join()
        cluster.join()
        first = {"coordinator_address": "a:1", "num_processes": 2}
        assert done == [(index, index > 0), first | {"process_id": index}]
        done.clear()


def two_workers(index):
    return json.dumps(
        {
            "cluster": {"worker": ["a:1", "b:2"]},
            "task": {"type": "worker", "index": index},
        }
    )


@pytest.fixture
def taken(monkeypatch):
    """A list of the kinds of strategies that were made."""
    kinds = []
    for kind in ("tpu", "gpu", "cpu", "multiworker"):
        monkeypatch.setattr(
            strategies,
            f"_{kind}",
            lambda _, kind=kind: kinds.append(kind) or (kind, kind),
        )
    return kinds


def test_a_cluster_is_for_what_trains_together(monkeypatch, taken):
    """Other commands stay on the machine, unless they are told."""
    monkeypatch.setenv("TF_CONFIG", two_workers(1))
    strategies.make_strategy()
    strategies.make_strategy("multiworker")
    strategies.make_strategy(together=True)
    strategies.make_strategy("cpu", together=True)
    assert taken[1:] == ["multiworker", "multiworker", "cpu"]
    assert taken[0] != "multiworker"


def test_a_chief_alone_is_one_machine(monkeypatch, taken):
    jobs = {"cluster": {"chief": ["a:1"]}, "task": {"type": "chief"}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(jobs))
    strategies.make_strategy(together=True)
    strategies.make_strategy("multiworker")
    assert "multiworker" not in taken and len(taken) == 2


@pytest.mark.parametrize("text", ["", "{}", None])
def test_without_a_cluster_there_is_none(monkeypatch, taken, text):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    strategies.make_strategy(together=True)
    assert len(taken) == 1 and taken != ["multiworker"]


def test_multiworker_needs_a_cluster(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(InputError, match="multiworker needs TF_CONFIG"):
        strategies.make_strategy("multiworker")


@pytest.mark.parametrize("kind", ["auto", "cpu", "multiworker"])
def test_a_bad_tf_config_is_said(monkeypatch, taken, kind):
    monkeypatch.setenv("TF_CONFIG", "{")
    with pytest.raises(InputError, match="TF_CONFIG does not name"):
        strategies.make_strategy(kind)


def test_without_a_cluster_it_is_asked_for(monkeypatch):
    jax = pytest.importorskip("jax")
    monkeypatch.delenv("TF_CONFIG", raising=False)

    def initialize(initialization_timeout):
        assert initialization_timeout == meeting.LIMIT_S
        raise ValueError("coordinator_address should be defined.\nMore.")

    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    with pytest.raises(InputError, match="finds no cluster") as caught:
        strategies.make_strategy("multiworker", engine="pjrt")
    assert "TF_CONFIG" in str(caught.value) and "More" not in str(caught.value)

    def late(initialization_timeout):
        raise RuntimeError("DEADLINE_EXCEEDED: 600 s.\nMore.")

    monkeypatch.setattr(jax.distributed, "initialize", late)
    with pytest.raises(ClusterError, match="do not come together") as caught:
        strategies.make_strategy("multiworker", engine="pjrt")
    assert "DEADLINE" in str(caught.value) and "More" not in str(caught.value)


def test_one_process_of_its_own_is_alone():
    pytest.importorskip("jax")
    devices, words = strategies.make_strategy("cpu", engine="pjrt")
    workers = Workers(devices)
    assert (workers.index, workers.count, workers.several) == (0, 1, False)
    assert strategies.is_chief(devices) and "worker" not in words
    assert workers.gather([3, 4]).tolist() == [[3, 4]]
