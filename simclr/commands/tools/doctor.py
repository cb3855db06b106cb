"""`simclr doctor`: why no accelerator is seen, and what to type."""

import sys

from simclr.doctor import facts
from simclr.doctor.diagnosis import diagnose


def run(collect=facts.collect):
    """Looks at the machine and says what it finds.

    Args:
        collect: function without arguments to facts.Facts.

    Returns:
        bool, whether all is well.
    """
    print("Asking TensorFlow, in a process of its own ...", file=sys.stderr)
    findings = diagnose(collect())
    for finding in findings:
        print(f"{'ok    ' if finding.good else 'wrong '}{finding.text}")
        for command in finding.remedy:
            print(f"        {command}")
    return all(finding.good for finding in findings)
