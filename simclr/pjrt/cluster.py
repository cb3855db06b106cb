"""Several processes, usually one a machine, whose jax devices work together."""

from simclr.executors import hosts, meeting
from simclr.messages.errors import ClusterError, InputError, first_line
from simclr.messages.say import say

_joined = []  # Once this process has.
# Of those whom jax finds itself; those of TF_CONFIG have met before.
_LIMIT_S = int(meeting.LIMIT_S)


def join():
    """Joins this process with the others; before jax is asked for devices.

    TF_CONFIG names them, as it does for tf.distribute; without it jax finds
    them itself, as on a TPU slice or under Slurm.

    Raises:
        InputError: no cluster.
        ClusterError: one that does not come together.
    """
    if _joined:
        return
    cluster = hosts.named()
    if cluster is None:
        say(f"Waiting   for the processes that jax finds, {_LIMIT_S} s at most")
        _initialize(initialization_timeout=_LIMIT_S)
    else:
        # jax listens at the first one's address alone.
        meeting.meet(cluster, keep=cluster.index > 0)
        _initialize(
            coordinator_address=cluster.processes[0].address,
            num_processes=len(cluster.processes),
            process_id=cluster.index,
        )
    _joined.append(True)


def leave():
    """Leaves together with the others, who would take an exit for a fault.

    Not where one of them is gone: nobody is to wait for it.
    """
    if _joined and not meeting.gone():
        import jax

        jax.distributed.shutdown()
        _joined.clear()


def _initialize(**named):
    import jax

    try:
        with meeting.own_signals():
            jax.distributed.initialize(**named)
    except ValueError as error:
        raise InputError(
            "--strategy=multiworker finds no cluster: set TF_CONFIG, a JSON "
            "text with the cluster's workers and this process's task. "
            f"({first_line(error)})"
        ) from error
    except RuntimeError as error:
        raise ClusterError(
            "The processes do not come together; start the same command on "
            f"all machines. ({first_line(error)})"
        ) from error
