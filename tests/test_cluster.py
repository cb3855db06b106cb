"""Several hosts: what tf.distribute cannot feed is refused, PJRT's workers."""

import json
import types

import pytest
import tensorflow as tf

from simclr.engines import strategies
from simclr.engines.workers import Workers
from simclr.messages.errors import InputError
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


@pytest.mark.parametrize(
    "chiefs, task, place",
    [
        ([], {"type": "worker", "index": 1}, 1),
        (["c:1"], {"type": "chief", "index": 0}, 0),
        (["c:1"], {"type": "worker", "index": 1}, 2),
    ],
)
def test_a_cluster_by_tf_config(monkeypatch, chiefs, task, place):
    """A chief comes before the workers, as for tf.distribute."""
    processes = {"worker": ["a:1", "b:2"]}
    if chiefs:
        processes["chief"] = chiefs
    config = json.dumps({"cluster": processes, "task": task})
    monkeypatch.setenv("TF_CONFIG", config)
    assert cluster._named() == {
        "coordinator_address": [*chiefs, "a:1"][0],
        "num_processes": 2 + len(chiefs),
        "process_id": place,
    }


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"cluster": {}, "task": 1}'])
def test_a_bad_tf_config_is_one_line(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(InputError, match="TF_CONFIG is not a JSON text"):
        cluster._named()


def test_without_a_cluster_it_is_asked_for(monkeypatch):
    jax = pytest.importorskip("jax")
    monkeypatch.delenv("TF_CONFIG", raising=False)

    def initialize(**named):
        assert named == {}
        raise ValueError("coordinator_address should be defined.\nMore.")

    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    with pytest.raises(InputError, match="finds no cluster") as caught:
        strategies.make_strategy("multiworker", engine="pjrt")
    assert "TF_CONFIG" in str(caught.value) and "More" not in str(caught.value)


def test_one_process_of_its_own_is_alone():
    pytest.importorskip("jax")
    devices, words = strategies.make_strategy("cpu", engine="pjrt")
    workers = Workers(devices)
    assert (workers.index, workers.count, workers.several) == (0, 1, False)
    assert strategies.is_chief(devices) and "worker" not in words
    assert workers.gather([3, 4]).tolist() == [[3, 4]]
