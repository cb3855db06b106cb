"""Kills commands at random, goes on, and compares with undisturbed ones.

    python -m tests.faults --seed=1 --kills=30 [--command=prepare,embed]

A kill is SIGKILL, SIGTERM or SIGINT, at a random moment or when a random file
takes its name; or a disk that is full (a small tmpfs, where root may mount
one) and has room afterwards. Then the same command goes on to its end. Right
is: the status, within ten seconds of a signal; then the same bits as of an
undisturbed command, and nothing left over. The table goes to the standard
output, a line for each kill to the standard error.
"""

import argparse
import collections
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from tests.faults import cases, found

_LIMIT_S = 10.0
_WHOLE_S = 900.0  # For a whole command, on a machine that does much else.
_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def main():
    """Prints the table; exits with 1 where something was lost."""
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 20))
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--command", default="", help="NAME,NAME; all")
    options = parser.parse_args()
    say(f"--seed={options.seed} --kills={options.kills}")
    with tempfile.TemporaryDirectory(prefix="simclr-faults-") as place:
        cases.write_material(place)
        for words in cases.first_runs(place).values():
            run_to_end(
                [cases.command(words)],
                [cases.environment(cases.Case(None), place)[0]],
            )
        every = cases.cases(place)
        wanted = options.command.split(",") if options.command else every
        names = [n for n in every if n in wanted or n.split(",")[0] in wanted]
        trials = plan(names, options.kills, random.Random(options.seed))
        rows, whole = collections.defaultdict(list), {}
        for number, (name, fault, share) in enumerate(trials):
            trial = Trial(place, every[name])
            if name not in whole:
                whole[name] = trial.undisturbed()
            trouble = trial.run(whole[name], fault, share)
            rows[name].append((fault, trouble))
            say(f"{number:3} {name}: {fault}, {share:.2f}: {trouble or 'ok'}")
    print_table(rows)
    sys.exit(any(t for row in rows.values() for _, t in row))


def plan(names, kills, rng):
    """(name, fault, share in [0, 1]) of each kill; every command in turn."""
    faults = [
        f"{s.name} {when}"
        for s in _SIGNALS
        for when in ("at a moment", "at a write")
    ]
    if can_mount():
        faults.append("disk full")
    else:
        say("disk full: skipped, root may mount no tmpfs here")
    found = []
    for i in range(kills):
        name = names[i % len(names)]
        some = [f for f in faults if "2 workers" not in name or "moment" in f]
        found.append((name, rng.choice(some), rng.random()))
    return found


class Trial:
    """One command in a folder of its own.

    Args:
        place: folder of the material.
        case: cases.Case.
    """

    def __init__(self, place, case):
        self.place, self.case = place, case
        # One path for all: it stands in configs and stores.
        self.folder = os.path.join(place, "at")

    def begin(self):
        """An empty folder, or a copied run in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.fill()

    def fill(self):
        if self.case.copied:
            shutil.copytree(
                os.path.join(self.place, self.case.copied),
                os.path.join(self.folder, self.case.copied),
            )

    def lines(self, at_write=None):
        words = self.case.words(self.folder)
        return [cases.command(words, at_write)] * self.case.workers

    def env(self):
        return cases.environment(self.case, self.place)

    def undisturbed(self):
        """(what is there in the end, seconds, bytes)."""
        self.begin()
        began = time.monotonic()
        run_to_end(self.lines(), self.env())
        seconds = time.monotonic() - began
        kept = found.read(self.folder, self.case.store)
        assert not found.left_over(self.folder), found.left_over(self.folder)
        size = sum(
            os.path.getsize(os.path.join(root, name))
            for root, _, names in os.walk(self.folder)
            for name in names
        )
        return kept, seconds, size

    def run(self, whole, fault, share):
        """Disturbs the command, goes on; returns what is wrong, or ""."""
        kept, seconds, size = whole
        self.begin()
        if fault == "disk full":
            trouble = self.full_disk(share, size)
        else:
            trouble = self.signalled(fault, share, seconds, len(kept))
        if trouble:
            return trouble
        if left := found.left_over(self.folder):
            return f"left {left}"
        now = found.read(self.folder, self.case.store)
        wrong = sorted(
            path for path in {*kept, *now} if kept.get(path) != now.get(path)
        )
        return f"other: {', '.join(wrong)}" if wrong else ""

    def signalled(self, fault, share, seconds, files):
        number = getattr(signal, fault.split()[0])
        if "write" in fault:
            at_write = 1 + int(share * files), number
            processes = start(self.lines(at_write), self.env())
            sent = None
        else:
            processes = start(self.lines(), self.env())
            wait_until_heard(processes)
            sleep_while(processes, share * seconds)
            sent = time.monotonic()
            for process in processes:
                process.send_signal(number)
        said = wait(processes)
        took = time.monotonic() - sent if sent else 0.0
        for process, text in zip(processes, said):
            right = {0, -number if number == signal.SIGKILL else 75}
            if number == signal.SIGINT and self.case.workers > 1:
                right.add(-number)  # While TensorFlow joins them, in C++.
            if process.returncode not in right:
                return f"status {process.returncode}: {text[-300:]!r}"
            if "Traceback" in text:
                return f"a traceback: {text[-300:]!r}"
        if took > _LIMIT_S:
            return f"gone after {took:.1f} s"
        run_to_end(self.lines(), self.env())
        return ""

    def full_disk(self, share, size):
        room = max(4096, int(share * size))
        shutil.rmtree(self.folder)
        os.makedirs(self.folder)
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1g", "faults", self.folder],
            check=True,
        )
        try:
            self.fill()
            used = shutil.disk_usage(self.folder).used
            resize(self.folder, used + room)
            [process] = start(self.lines(), self.env())
            [text] = wait([process])
            if process.returncode not in (0, 1):
                return f"status {process.returncode}: {text[-300:]!r}"
            full = "No space left" in text or "its disk has" in text
            if process.returncode and not full:
                return f"another line: {text[-300:]!r}"
            resize(self.folder, 1 << 30)
            run_to_end(self.lines(), self.env())
            inner = os.path.join(self.place, "copied")
            shutil.copytree(self.folder, inner)
        finally:
            subprocess.run(["umount", "-l", self.folder], check=True)
        os.rmdir(self.folder)
        os.rename(inner, self.folder)
        return ""


def resize(folder, size):
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)


def can_mount():
    """Whether a tmpfs can be mounted."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "faults", folder],
            capture_output=True,
        )
        if done.returncode == 0:
            subprocess.run(["umount", folder], check=True)
        return done.returncode == 0


def start(lines, env):
    """Processes, whose words go to files that `wait` reads."""
    found = []
    for line, one in zip(lines, env):
        log = tempfile.TemporaryFile("w+")  # noqa: SIM115  `wait` closes it.
        found.append(
            subprocess.Popen(line, env=one, stdout=log, stderr=log, text=True)
        )
        found[-1].log = log
    return found


def wait(processes):
    """What they said, once they have ended."""
    said = []
    for process in processes:
        try:
            process.wait(timeout=_WHOLE_S)
        finally:
            process.kill()
        process.log.seek(0)
        said.append(process.log.read())
        process.log.close()
    return said


def run_to_end(lines, env):
    processes = start(lines, env)
    said = wait(processes)
    for process, text in zip(processes, said):
        if process.returncode:
            raise AssertionError(f"{process.args}: {text[-2000:]}")
    return said


def wait_until_heard(processes):
    """Until they have their handlers: before, no program is ours yet."""
    term = 1 << (signal.SIGTERM - 1)
    for process in processes:
        while process.poll() is None:
            with open(f"/proc/{process.pid}/status") as file:
                caught = next(x for x in file if x.startswith("SigCgt"))
            if int(caught.split()[1], 16) & term:
                break
            time.sleep(0.01)


def sleep_while(processes, seconds):
    """Some seconds, or until the first has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if any(process.poll() is not None for process in processes):
            return
        time.sleep(0.01)


def print_table(rows):
    """Markdown: a row for each command."""
    print("| command | kills | as undisturbed | else |")
    print("|---|---|---|---|")
    for name, of_name in rows.items():
        kinds = collections.Counter(fault for fault, _ in of_name)
        words = ", ".join(f"{n} {fault}" for fault, n in kinds.items())
        bad = [trouble for _, trouble in of_name if trouble]
        print(
            f"| {name} | {words} | {len(of_name) - len(bad)} of "
            f"{len(of_name)} | {'; '.join(bad)} |"
        )


def say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
