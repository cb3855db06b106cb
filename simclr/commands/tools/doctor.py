"""`simclr doctor`: why no accelerator is seen, and what to type."""

from typing import Annotated, Any

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.doctor import facts
from simclr.doctor.diagnosis import diagnose
from simclr.messages.say import say, show

Collect = Annotated[
    Any,
    "What tells about the machine, a function to facts.Facts.",
    arguments.PYTHON_ONLY,
]


@command
def doctor(*, collect: Collect = facts.collect):
    """Says why no TPU or GPU is seen, and what to type.

    Returns:
        bool, whether all is well.
    """
    say("Asking TensorFlow, in a process of its own ...")
    findings = diagnose(collect())
    for finding in findings:
        show(f"{'ok    ' if finding.good else 'wrong '}{finding.text}")
        for text in finding.remedy:
            show(f"        {text}")
    return all(finding.good for finding in findings)
