"""`simclr doctor`: why no accelerator is seen, and what to type."""

from simclr.doctor import facts
from simclr.doctor.diagnosis import diagnose
from simclr.messages.say import say


def run(collect=facts.collect):
    """Looks at the machine and says what it finds.

    Args:
        collect: function without arguments to facts.Facts.

    Returns:
        bool, whether all is well.
    """
    say("Asking TensorFlow, in a process of its own ...")
    findings = diagnose(collect())
    for finding in findings:
        print(f"{'ok    ' if finding.good else 'wrong '}{finding.text}")
        for command in finding.remedy:
            print(f"        {command}")
    return all(finding.good for finding in findings)
