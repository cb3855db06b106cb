"""Several processes, usually one a machine, whose jax devices work together."""

import json
import os

from simclr.messages.errors import InputError

_joined = []  # Once this process has.


def join():
    """Joins this process with the others; before jax is asked for devices.

    TF_CONFIG names them, as it does for tf.distribute; without it jax finds
    them itself, as on a TPU slice or under Slurm.

    Raises:
        InputError: no cluster, or one that does not come together.
    """
    if _joined:
        return
    import jax

    try:
        jax.distributed.initialize(**_named())
    except (ValueError, RuntimeError) as error:
        raise InputError(
            "--strategy=multiworker finds no cluster: set TF_CONFIG, a JSON "
            "text with the cluster's workers and this process's task. "
            f"({str(error).splitlines()[0]})"
        ) from error
    _joined.append(True)


def leave():
    """Leaves together with the others, who would take an exit for a fault."""
    if _joined:
        import jax

        jax.distributed.shutdown()
        _joined.clear()


def _named():
    """What TF_CONFIG says, as jax.distributed.initialize takes it."""
    if "TF_CONFIG" not in os.environ:
        return {}
    try:
        said = json.loads(os.environ["TF_CONFIG"])
        cluster, task = said["cluster"], said["task"]
        chiefs = cluster.get("chief", [])
        processes = [*chiefs, *cluster["worker"]]
        first = len(chiefs) if task["type"] == "worker" else 0
        return {
            "coordinator_address": processes[0],
            "num_processes": len(processes),
            "process_id": first + int(task["index"]),
        }
    except (KeyError, TypeError, ValueError):
        raise InputError(
            "TF_CONFIG is not a JSON text with the cluster's workers and this "
            "process's task."
        ) from None
