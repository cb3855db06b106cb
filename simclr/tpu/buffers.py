"""What a program needs of a TPU, without the machine code for it.

The compiler assigns buffers early; most of its time, and of the host's memory,
goes into the code that comes after. It has no switch to stop between them, but
writes down what it assigned where it is asked to: here it is ended then.

    python -m simclr.tpu.buffers v5e-8 FOLDER

prints what it says of FOLDER/step.hlo, in JSON; it writes beside it.
"""

import dataclasses
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

from simclr.messages.errors import InputError
from simclr.tpu import compiler, hlo_text, slices

# Of a device's memory, bytes: what the runtime keeps (a quarter GiB of v5e's)
# and what is not known before the code is (0.05 to 0.25 GiB).
RESERVED = 2**29
_MOST_SECONDS = 2 * 3600  # Large steps take minutes.
# In the order in which they are written.
_HLO = "after_optimizations.txt"
_BUFFERS = "after_optimizations-buffer-assignment.txt"
_LAST = "after_optimizations_after_buffer_assignment.txt"


def assign(slice_, hlo):
    """Compiles a program for a slice up to its buffers, in its own process.

    Args:
        slice_: slices.Slice.
        hlo: bytes, as in compiler.compile_for.

    Returns:
        compiler.Compiled, whose `code` is 0. `temporary` lacks up to 0.05 GiB
        that the code asks for; `bytes_accessed` is without the padding of
        tiles, which is little where there is much.

    Raises:
        As compiler.compile_for; DoesNotFit where it leaves less than RESERVED
        of the memory.
    """
    compiler.require()
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "step.hlo"), "wb") as file:
            file.write(hlo)
        flags = os.environ.get("XLA_FLAGS", "")
        try:
            done = subprocess.run(
                [sys.executable, "-m", __name__, slice_.name, folder],
                env=os.environ
                | {
                    "XLA_FLAGS": f"{flags} --xla_dump_to={folder}".strip(),
                    # Of the host, for the cost analysis.
                    "JAX_PLATFORMS": "cpu",
                },
                capture_output=True,
                text=True,
                timeout=_MOST_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise InputError(
                "The TPU's compiler has not come to its buffers in "
                f"{_MOST_SECONDS / 3600:g} hours."
            ) from None
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        last = (done.stderr.strip().splitlines() or ["no reason"])[-1]
        raise InputError(
            f"The TPU's compiler ended with status {done.returncode}: {last}"
        )
    kind, *facts = json.loads(lines[-1])
    if kind == "does not fit":
        raise compiler.DoesNotFit(*facts)
    if kind == "refused":
        raise compiler.Refused(*facts)
    if kind == "error":
        raise InputError(*facts)
    compiled = compiler.Compiled(**facts[0])
    if compiled.memory > slice_.device.hbm - RESERVED:
        raise compiler.DoesNotFit(compiled.memory)
    collectives = {kind: tuple(x) for kind, x in compiled.collectives.items()}
    return dataclasses.replace(compiled, collectives=collectives)


def _main(name, folder):
    """Prints what the compiler says, and ends the process without waiting."""
    answer = []

    def compile_all():
        try:
            with open(os.path.join(folder, "step.hlo"), "rb") as file:
                hlo = file.read()
            answer.append(
                ["compiled", compiler.compile_for(slices.get(name), hlo)]
            )
        except compiler.DoesNotFit as error:
            answer.append(["does not fit", error.needed])
        except compiler.Refused as error:
            answer.append(["refused", str(error)])
        except Exception as error:  # Whatever it is ends this process.
            answer.append(["error", str(error)])

    threading.Thread(target=compile_all, daemon=True).start()
    while not answer and not _is_written(folder):
        time.sleep(0.1)
    if not answer or answer[0][0] == "compiled":
        answer = [["compiled", dataclasses.asdict(_read(folder))]]
    print(json.dumps(answer[0]), flush=True)
    os._exit(0)


def _is_written(folder):
    """Whether the last of the files is there and no longer grows."""
    found = glob.glob(os.path.join(folder, f"*{_LAST}"))
    if not found:
        return False
    size = os.path.getsize(found[0])
    time.sleep(0.5)
    return 0 < size == os.path.getsize(found[0])


def _read(folder):
    """Compiled, of what the compiler has written."""
    text = _text(folder, _HLO)
    more_flops, more_traffic = hlo_text.loop_factors(text)
    cost = _cost(text)
    state, temporary = assigned(_text(folder, _BUFFERS))
    return compiler.Compiled(
        flops=cost["flops"] * more_flops,
        bytes_accessed=cost["bytes accessed"] * more_traffic,
        state=state,
        temporary=temporary,
        code=0,
        collectives=hlo_text.collective_traffic(text),
    )


def assigned(text):
    """Reads a buffer assignment.

    Args:
        text: what XLA writes of it.

    Returns:
        state: bytes of the arguments and of results that take no argument's
            place.
        temporary: bytes of all else that lives in the main memory.
    """
    state = temporary = 0
    for size, rest in re.findall(
        r"^allocation \d+: size (\d+)(.*):$", text, re.MULTILINE
    ):
        if ", color " in rest:  # Another memory, such as the chip's own.
            continue
        if ", parameter " in rest or ", maybe-live-out" in rest:
            state += int(size)
        elif ", preallocated-temp" in rest:
            temporary += int(size)
    return state, temporary


def _cost(text):
    """XLA's own analysis of a module's text."""
    import jax
    from jaxlib import _jax

    return _jax.hlo_module_cost_analysis(
        jax.devices("cpu")[0].client, _jax.hlo_module_from_text(text)
    )


def _text(folder, ending):
    (path,) = glob.glob(os.path.join(folder, f"*cl_*.{ending}"))
    with open(path) as file:
        return file.read()


if __name__ == "__main__":
    _main(*sys.argv[1:])
