"""`simclr doctor`: why no accelerator is seen, and what to type."""

from typing import Annotated, Any

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.messages.say import say, show

Collect = Annotated[
    Any,
    "A function that describes the machine, as simclr.doctor.facts.collect "
    "does, which is the default.",
    arguments.PYTHON_ONLY,
]


@command
def doctor(*, collect: Collect = None, quiet: arguments.Quiet = False):
    """Says whether TensorFlow sees the TPU or GPU; if not, what to type.

    Returns:
        bool, whether all is well.
    """
    from simclr.doctor import facts
    from simclr.doctor.diagnosis import diagnose

    say("Asking TensorFlow, in a process of its own ...")
    findings = diagnose((collect or facts.collect)())
    for finding in findings:
        show(f"{'ok    ' if finding.good else 'wrong '}{finding.text}")
        for text in finding.remedy:
            show(f"        {text}")
    return all(finding.good for finding in findings)
