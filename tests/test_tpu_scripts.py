"""The scripts for Cloud TPUs, on a gcloud that is faked."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time

import pytest

SCRIPTS = os.path.abspath("tpu_scripts")
# Notes each call. Of a slice it tells the states in the file "states", one a
# call; what is to run on a worker runs in the folder "worker", on all of them
# in "worker1", ..., too, and ends with the slice. While there is a file
# "offline", no bucket answers.
GCLOUD = """\
#!{python} -SE
import glob, json, os, re, shutil, subprocess, sys

home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
words = sys.argv[1:]
with open(f"{{home}}/calls", "a") as file:
    file.write(json.dumps(words) + "\\n")
verb = words[3] if words[0] == "compute" else words[1]
if words[-1] == "--format=value(createTime)":
    print("2026-11-28T10:00:00Z")
elif verb == "describe":
    with open(f"{{home}}/states") as file:
        first, *rest = file.read().split()
    if rest:
        with open(f"{{home}}/states", "w") as file:
            file.write(" ".join(rest))
    if first == "NONE":
        sys.exit("NOT_FOUND")
    print(first)
if verb == "delete":
    for lock in glob.glob(f"{{home}}/worker*/simclr/run.status.lock"):
        with open(lock) as file:
            os.killpg(int(file.read()), 9)
if verb == "scp" and words[4].endswith(".tar.gz"):
    shutil.copy(words[4], f"{{home}}/worker/simclr.tar.gz")
if verb == "ssh":
    [command] = [w for w in words if w.startswith("--command=")]
    hosts = sorted(n for n in os.listdir(home) if n.startswith("worker"))
    for host in hosts if "--worker=all" in words else hosts[:1]:
        done = subprocess.run(
            ["bash", "-c", command.removeprefix("--command=")],
            cwd=f"{{home}}/{{host}}",
            env=os.environ | {{"FAKED_HOST": host.removeprefix("worker")}},
        )
        if done.returncode:
            sys.exit(done.returncode)
if words[0] == "storage" and os.path.exists(f"{{home}}/offline"):
    sys.exit("unreachable")
paths = [w.replace("gs://", f"{{home}}/bucket/") for w in words[2:]]
if verb == "cp":
    os.makedirs(os.path.dirname(paths[-1]), exist_ok=True)
    shutil.copy(*paths[-2:])
if verb == "cat":
    if not os.path.exists(paths[0]):
        sys.exit("no URLs matched")
    print(open(paths[0]).read(), end="")
if verb == "rsync":
    source, target = paths[-2:]
    if not os.path.isdir(source):
        sys.exit("no URLs matched")
    shutil.copytree(source, target, dirs_exist_ok=True)
    if "--delete-unmatched-destination-objects" in words:
        [left] = [w[10:] for w in words if w.startswith("--exclude=")]
        for folder, _, names in os.walk(target):
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), target)
                gone = not os.path.exists(os.path.join(source, path))
                if gone and not re.match(left, path):
                    os.remove(os.path.join(target, path))
"""


class Cloud:
    """A folder with a gcloud, a worker's disk and a bucket."""

    def __init__(self, home):
        self.home = home
        (home / "bin").mkdir()
        (home / "worker").mkdir()
        gcloud = home / "bin" / "gcloud"
        gcloud.write_text(GCLOUD.format(python=sys.executable))
        gcloud.chmod(0o755)
        self.states("ACTIVE")

    def states(self, *states):
        (self.home / "states").write_text(" ".join(states))

    def calls(self):
        path = self.home / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    def verbs(self):
        """create, ssh, ...: what was asked for, in order, except for states."""
        words = [
            call[3] if call[0] == "compute" else call[1]
            for call in self.calls()
        ]
        return [word for word in words if word != "describe"]

    def program(self, text):
        """What the worker has for `simclr`."""
        root = self.home / "worker" / "simclr"
        for path in (".venv/bin/simclr", ".venv/bin/python", ".venv/bin/pip"):
            program = root / path
            program.parent.mkdir(parents=True, exist_ok=True)
            program.write_text(f"#!/bin/bash\n{text}\n")
            program.chmod(0o755)
        shutil.copytree(SCRIPTS, root / "tpu_scripts", dirs_exist_ok=True)
        return root

    def hosts(self, count):
        """From now on the slice has so many; their folders, a list."""
        self.shell("curl", 'echo "${FAKED_HOST:-0}"')
        root = self.home / "worker"
        for index in range(1, count):
            shutil.copytree(root, self.home / f"worker{index}", symlinks=True)
        others = [self.home / f"worker{i}" for i in range(1, count)]
        return [folder / "simclr" for folder in (root, *others)]

    def shell(self, name, text):
        """A program that the scripts find before any other."""
        program = self.home / "bin" / name
        program.write_text(f"#!/bin/bash\n{text}\n")
        program.chmod(0o755)

    def run(self, script, *arguments, status=0, **settings):
        done = subprocess.run(
            [f"{SCRIPTS}/{script}", *arguments],
            env=self.environ(**settings),
            capture_output=True,
            text=True,
            timeout=400,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def environ(self, **settings):
        keep = {k: os.environ[k] for k in ("PATH", "HOME") if k in os.environ}
        return keep | {
            "PATH": f"{self.home}/bin:{keep['PATH']}",
            "SECONDS_BETWEEN": "0.05",
            "SECONDS_BEFORE_RETRY": "0",
            "SECONDS_BETWEEN_LOOKS": "0.05",
            **settings,
        }


@pytest.fixture
def cloud(tmp_path):
    return Cloud(tmp_path)


def test_shellcheck_is_content():
    shellcheck = os.path.join(os.path.dirname(sys.executable), "shellcheck")
    scripts = sorted(
        f"tpu_scripts/{name}"
        for name in os.listdir(SCRIPTS)
        if name.endswith(".sh")
    )
    assert len(scripts) >= 10
    done = subprocess.run(
        [shellcheck, "-x", *scripts], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_dry_run_prints_and_does_nothing(cloud):
    said = cloud.run("create.sh", "--dry-run", SPOT="no", PROJECT="mine")
    assert said == (
        "gcloud compute tpus queued-resources create simclr "
        "--node-id=simclr --zone=us-west4-a --project=mine "
        "--accelerator-type=v5litepod-8 "
        "--runtime-version=v2-alpha-tpuv5-lite\n"
    )
    for script, arguments in (
        ("setup.sh", ()),
        ("run.sh", ("pretrain", "--data=gs://b/x")),
        ("on_all.sh", ("df -h",)),
        ("follow.sh", ()),
        ("fetch.sh", (str(cloud.home / "here"),)),
        ("delete.sh", ()),
        ("keep_running.sh", ("pretrain", "--data=gs://b/x")),
    ):
        said = cloud.run(script, "--dry-run", *arguments, BUCKET="gs://b")
        assert said.startswith("gcloud ")
    assert cloud.calls() == []


def test_every_script_has_help(cloud):
    for name in (n for n in os.listdir(SCRIPTS) if n.endswith(".sh")):
        if name not in ("settings.sh", "common.sh", "worker.sh"):
            assert f"tpu_scripts/{name}" in cloud.run(name, "--help")


def test_create_waits_for_the_slice(cloud):
    cloud.states("WAITING_FOR_RESOURCES", "PROVISIONING", "ACTIVE")
    said = cloud.run("create.sh")
    assert "simclr: PROVISIONING" in said and "simclr: ACTIVE" in said
    assert "--spot" in cloud.calls()[0]


def test_create_says_when_there_is_none(cloud):
    cloud.states("ACCEPTED", "FAILED")
    assert "another ZONE" in cloud.run("create.sh", status=1)


@pytest.mark.parametrize(
    "tensorflow, libtpu", [("2.19.1", "0.0.10"), ("2.20.0", "0.0.23.1")]
)
def test_setup_brings_the_repository_and_its_tensorflow(
    cloud, tensorflow, libtpu
):
    cloud.program('echo "$(basename "$0") $*" >> "$HOME/said"')
    cloud.run("setup.sh", TENSORFLOW=tensorflow, HOME=str(cloud.home))
    assert cloud.verbs() == ["scp", "ssh"]
    with tarfile.open(cloud.home / "worker" / "simclr.tar.gz") as archive:
        assert "simclr/__main__.py" in archive.getnames()
    said = (cloud.home / "said").read_text().splitlines()
    assert said == [
        "pip install --quiet --upgrade pip",
        f"pip install --quiet tensorflow-tpu=={tensorflow} libtpu=={libtpu} "
        "tensorflow-io-gcs-filesystem tensorflow-metadata<1.18 -e simclr",
        "simclr doctor",
    ]


def test_setup_installs_venv_where_the_image_has_none(cloud):
    """As on Ubuntu: a folder with a Python and without pip is left."""
    root = cloud.program("true")
    shutil.move(root / ".venv", cloud.home / "ready")
    for name, text in (
        (
            "python3",
            f"mkdir -p simclr/.venv/bin; touch simclr/.venv/bin/python\n"
            f"[ -e {cloud.home}/installed ] || exit 1\n"
            f"cp -r {cloud.home}/ready/. simclr/.venv",
        ),
        (
            "sudo",
            f'echo "$*" >> {cloud.home}/said\n'
            f"case $* in *python3-venv) touch {cloud.home}/installed ;; esac",
        ),
    ):
        cloud.shell(name, text)
    for _ in range(2):  # The second time there is nothing to do.
        cloud.run("setup.sh")
        said = (cloud.home / "said").read_text().splitlines()
        assert [line.split()[-1] for line in said] == ["update", "python3-venv"]


def test_a_tensorflow_without_its_libtpu_is_refused(cloud):
    said = cloud.run("setup.sh", TENSORFLOW="2.21.0", status=2)
    assert "there are 2.19.1 and 2.20.0" in said


def wait_for(path, text):
    """Until a file holds a text."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if path.exists() and text in path.read_text():
            return
        time.sleep(0.02)
    pytest.fail(f"no {text!r} in {path}")


def test_run_starts_the_training_and_leaves(cloud):
    root = cloud.program('printf "<%s>" "$@"')
    cloud.run("run.sh", "pretrain", "--data=my photos", BUCKET="gs://b/f")
    wait_for(root / "run.status", "finished")
    log = (root / "run.log").read_text()
    assert (
        "<pretrain><--data=my photos><--workdir=runs/tpu><--strategy=tpu>"
        in log
    )


POD = {"ACCELERATOR": "v4-32", "BUCKET": "gs://b"}


def test_a_pod_runs_on_each_of_its_hosts(cloud):
    """By PJRT; the first keeps the run, the others begin with what it has."""
    kept = cloud.home / "bucket/b/runs/tpu"
    kept.mkdir(parents=True)
    (kept / "step_7.npz").write_text("7")
    cloud.program('printf "<%s>" "$@"; cp started.txt 2>&-; ls runs/tpu')
    hosts = cloud.hosts(3)
    cloud.run("run.sh", "pretrain", **POD)
    for index, root in enumerate(hosts):
        wait_for(root / "run.status", "finished")
        log = (root / "run.log").read_text()
        assert "<--engine=pjrt><--strategy=multiworker>" in log
        assert "step_7.npz" in log
        assert ("Waiting for the first host" in log) == bool(index)
    starts = {(root / "runs/tpu/started.txt").read_text() for root in hosts}
    assert starts == {(kept / "started.txt").read_text()}
    copies = [c for c in cloud.calls() if c[-1] == "gs://b/runs/tpu"]
    assert len(copies) == 2, "of one host, whole and what is to go"


def test_a_pod_needs_a_bucket(cloud):
    said = cloud.run("run.sh", "pretrain", ACCELERATOR="v4-32", status=2)
    assert "share no disk" in said and cloud.calls() == []


def test_setup_of_a_pod_leaves_the_tpu_to_jax(cloud):
    cloud.program('echo "$(basename $0) $*" >> $HOME/said')
    cloud.run("setup.sh", HOME=str(cloud.home), **POD)
    said = (cloud.home / "said").read_text()
    assert "-e simclr[cpu,aot]" in said and "tensorflow-tpu" not in said


def test_one_host_of_a_pod_is_stopped(cloud):
    """It alone gets a SIGTERM: all stop, and keep_running has it come back."""
    cloud.program(
        "[[ $1 == pretrain ]] || exit 0\n"
        "wait_for() { until [[ -e $HOME/$1 ]]; do sleep 0.05; done; }\n"
        # As a run: whoever hears the signal, all save and stop.
        "trap 'touch \"$HOME/heard\"' TERM\n"
        "[[ ! -e $HOME/heard ]] || again=again\n"
        'touch "$HOME/there$HOST_INDEX$again"\n'
        "[[ -n $again ]] || { wait_for heard; exit 75; }\n"
        "wait_for there0again; wait_for there1again"
    )
    hosts = cloud.hosts(2)
    settings = POD | {"HOME": str(cloud.home)}
    cloud.run("run.sh", "pretrain", **settings)
    for index in range(2):
        wait_for(cloud.home / f"there{index}", "")
    pid = int((hosts[1] / "run.status.lock").read_text())
    os.kill(pid, signal.SIGTERM)
    wait_for(hosts[1] / "run.status", "stopped")
    wait_for(cloud.home / "there0again", "")
    assert (hosts[0] / "run.status").read_text() == "running\n"
    said = cloud.run("keep_running.sh", "pretrain", **settings)
    assert "running, stopped" in said and "finished, finished" in said
    assert "goes on here already" in (hosts[0] / "run.log").read_text()


def test_fetch_takes_the_bucket_where_there_is_one(cloud):
    (cloud.home / "bucket/b/runs/tpu").mkdir(parents=True)
    (cloud.home / "bucket/b/runs/tpu/config.json").write_text("{}")
    target = cloud.home / "here"
    cloud.run("fetch.sh", str(target), BUCKET="gs://b")
    assert (target / "config.json").exists()
    cloud.run("fetch.sh", str(target))
    assert cloud.verbs() == ["rsync", "scp"]


def test_a_slice_that_is_taken_is_asked_for_again(cloud):
    """keep_running: none, one, taken away, another, done."""
    root = cloud.program(
        '[[ $1 == pretrain ]] || exit 0; echo x >> "$HOME/runs"; '
        '(($(wc -l < "$HOME/runs") >= 2)) || sleep 1000'
    )
    states = ["NONE", "NONE", "PROVISIONING", "ACTIVE", "ACTIVE"]
    states += ["SUSPENDED", "SUSPENDED", "ACTIVE", "ACTIVE"]
    cloud.states(*states)
    said = cloud.run(
        "keep_running.sh",
        "pretrain",
        BUCKET="gs://b",
        HOME=str(cloud.home),
        SECONDS_BETWEEN="0.2",
    )
    verbs = cloud.verbs()
    slices = [v for v in verbs if v in ("create", "delete")]
    assert slices == ["create", "delete", "create"]
    assert "No TPU; asking for one" in said and "finished" in said
    assert (cloud.home / "runs").read_text() == "x\nx\n"
    assert (root / "run.status").read_text() == "finished\n"


def test_keep_running_needs_a_bucket(cloud):
    said = cloud.run("keep_running.sh", "pretrain", status=2)
    assert "Set BUCKET" in said


def worker(cloud, program, *, status, **settings):
    """Runs worker.sh over a shell program; the program's calls and its log."""
    done = subprocess.run(
        [f"{SCRIPTS}/worker.sh", "run", "bash", "-c", program],
        cwd=cloud.home,
        env=cloud.environ(**settings),
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == status, done.stderr
    calls = cloud.home / "n"
    return len(calls.read_text().splitlines()), (
        cloud.home / "run.status"
    ).read_text()


COUNT = "echo >> n; n=$(wc -l < n); "


def test_worker_goes_on_after_a_stop(cloud):
    program = COUNT + "((n == 4)) && exit 0; exit 75"
    assert worker(cloud, program, status=0) == (4, "finished\n")


def test_worker_tries_a_failure_again(cloud):
    program = COUNT + "((n == 3)) && exit 0; exit 1"
    assert worker(cloud, program, status=0) == (3, "finished\n")


def test_worker_gives_up(cloud):
    """After so many failures in a row; a stop that saved starts the count."""
    program = COUNT + "((n == 2)) && exit 75; exit 9"
    assert worker(cloud, program, status=9) == (5, "failed with status 9\n")


def test_worker_does_not_repeat_bad_input(cloud):
    assert worker(cloud, COUNT + "exit 2", status=2) == (
        1,
        "failed with status 2\n",
    )


def test_worker_keeps_the_run_in_the_bucket(cloud):
    """Comes from there, goes there."""
    kept = cloud.home / "bucket/b/run"
    kept.mkdir(parents=True)
    (kept / "old").write_text("1")
    program = COUNT + "cp run/old run/new"
    worker(cloud, program, status=0, BUCKET="gs://b")
    assert (kept / "new").read_text() == "1"


def test_worker_copies_what_is_written(cloud):
    """A checkpoint at once, not in ten minutes; what goes here goes there."""
    there = cloud.home / "bucket/b/run"
    program = (
        "until_() { until test $@; do sleep 0.05; done; }; "
        f"save() {{ echo $1 > run/step_$1.npz; until_ -e {there}/step_$1.npz; "
        "}; echo 1 > run/metrics.jsonl; save 1; rm run/step_1.npz; save 2; "
        f"until_ ! -e {there}/step_1.npz; cp {there}/metrics.jsonl run/copied"
    )
    settings = {"BUCKET": "gs://b", "SECONDS_BETWEEN_COPIES": "600"}
    assert worker(cloud, COUNT + program, status=0, **settings) == (
        1,
        "finished\n",
    )
    names = {path.name for path in there.iterdir()}
    wanted = {"step_2.npz", "metrics.jsonl", "copied", "started.txt"}
    assert names == wanted


def test_worker_copies_when_a_run_says_that_it_is_finished(cloud):
    """Though its process stays for a while."""
    seen = cloud.home / "bucket/b/run/finished"
    program = (
        f"echo 7 > run/finished; until [[ -e {seen} ]]; do sleep 0.05; done"
    )
    worker(cloud, COUNT + program, status=0, BUCKET="gs://b")


def test_an_unreachable_bucket_is_no_empty_one(cloud):
    """A run is not begun anew over the one that is there."""
    kept = cloud.home / "bucket/b/run"
    kept.mkdir(parents=True)
    (kept / "step_9.npz").write_text("9")
    (cloud.home / "offline").touch()
    settings = {"BUCKET": "gs://b", "BUCKET_TRIES": "3"}
    process = subprocess.run(
        [f"{SCRIPTS}/worker.sh", "run", "touch", "began"],
        cwd=cloud.home,
        env=cloud.environ(**settings),
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert process.returncode == 1
    assert process.stderr.count("cannot be reached; once more") == 2
    status = (cloud.home / "run.status").read_text()
    assert status == "failed: gs://b cannot be reached\n"
    assert not (cloud.home / "began").exists()
    # And when it answers again in time, the run goes on.
    process = subprocess.Popen(
        [f"{SCRIPTS}/worker.sh", "run", "cp", "run/step_9.npz", "began"],
        cwd=cloud.home,
        env=cloud.environ(BUCKET="gs://b", SECONDS_BEFORE_RETRY="0.1"),
        stderr=subprocess.PIPE,
        text=True,
    )
    while "once more" not in process.stderr.readline():
        assert process.poll() is None
    (cloud.home / "offline").unlink()
    process.communicate(timeout=400)
    assert process.returncode == 0
    assert (cloud.home / "began").read_text() == "9"


def test_a_bucket_that_is_away_while_it_trains(cloud):
    """The run goes on; what could not be copied is copied at the end."""
    program = (
        "touch offline; echo 1 > run/step_1.npz; sleep 0.5; "
        "(sleep 0.5; rm offline) & exit 0"
    )
    settings = {"BUCKET": "gs://b", "SECONDS_BEFORE_RETRY": "0.1"}
    assert worker(cloud, COUNT + program, status=0, **settings) == (
        1,
        "finished\n",
    )
    assert (cloud.home / "bucket/b/run/step_1.npz").exists()


def test_what_cannot_be_copied_at_the_end_is_said(cloud):
    settings = {"BUCKET": "gs://b", "BUCKET_TRIES": "2"}
    assert worker(cloud, COUNT + "touch offline", status=1, **settings) == (
        1,
        "failed to copy the run to gs://b\n",
    )


def test_worker_goes_on_while_there_are_new_checkpoints(cloud):
    """Three failures in a row give up, not three in a week."""
    program = COUNT + (
        "mkdir -p run; ((n > 5)) || touch run/step_$n.npz; exit 1"
    )
    assert worker(cloud, program, status=1) == (7, "failed with status 1\n")


def test_worker_is_not_started_twice(cloud):
    program = "echo up > up; until [[ -e go ]]; do sleep 0.05; done"
    command = [f"{SCRIPTS}/worker.sh", "run", "bash", "-c", program]
    options = {"cwd": cloud.home, "env": cloud.environ()}
    process = subprocess.Popen(command, **options)
    wait_for(cloud.home / "up", "up")
    other = subprocess.run(
        command, **options, capture_output=True, text=True, timeout=400
    )
    assert other.returncode == 0 and "goes on here already" in other.stderr
    assert (cloud.home / "run.status").read_text() == "running\n"
    (cloud.home / "go").touch()
    assert process.wait(60) == 0


def test_worker_passes_a_preemption_on(cloud):
    """SIGTERM: the run saves, all is copied, and nothing starts again."""
    program = (
        "trap 'echo saved > run/saved; exit 75' TERM; mkdir -p run; "
        "echo up > run/up; while :; do sleep 0.05; done"
    )
    process = subprocess.Popen(
        [f"{SCRIPTS}/worker.sh", "run", "bash", "-c", program],
        cwd=cloud.home,
        env=cloud.environ(BUCKET="gs://b"),
    )
    wait_for(cloud.home / "run/up", "up")
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 75
    assert (cloud.home / "bucket/b/run/saved").exists()
    assert (cloud.home / "run.status").read_text() == "stopped\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "victim, number, words",
    [
        (1, signal.SIGTERM, "Stopped and saved; going on"),
        (0, signal.SIGKILL, "; trying again"),
    ],
    ids=["one is stopped", "the first is killed"],
)
def test_two_workers_go_on(tmp_path, victim, number, words):
    """Two real workers, of which one gets a signal; both end well."""
    # They import TensorFlow, which the other tests do without.
    from simclr.optimizers.schedules import total_steps
    from tests import tiny
    from tests.test_process import RECIPE, free_port, rows, wait_for_step

    photos = tiny.write_photos(tmp_path / "photos")
    recipe, workdir = tmp_path / "recipe.py", tmp_path / "run"
    recipe.write_text(RECIPE.format(photos=str(photos), epochs=10))
    ports = [free_port(), free_port()]
    workers = []
    for index in range(2):
        cluster = {
            "cluster": {"worker": [f"localhost:{port}" for port in ports]},
            "task": {"type": "worker", "index": index},
        }
        workers.append(
            subprocess.Popen(
                [f"{SCRIPTS}/worker.sh", str(workdir), sys.executable, "-m"]
                + ["simclr", "pretrain", f"--config={recipe}"]
                + [f"--workdir={workdir}", "--strategy=multiworker"],
                env={
                    **os.environ,
                    "PYTHONPATH": os.getcwd(),
                    "TF_CONFIG": json.dumps(cluster),
                    "STATUS_FILE": str(tmp_path / f"status{index}"),
                    "SECONDS_BEFORE_RETRY": "1",
                },
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    wait_for_step(workdir, 6)
    # The training itself, as when a container ends; worker.sh stays.
    found = subprocess.run(
        ["pgrep", "-P", str(workers[victim].pid), "-f", "simclr pretrain"],
        capture_output=True,
        text=True,
        check=True,
    )
    os.kill(int(found.stdout.split()[0]), number)
    said = [process.communicate(timeout=400)[1] for process in workers]
    assert [process.returncode for process in workers] == [0, 0], said
    assert all(words in text for text in said)
    steps = [row["step"] for row in rows(workdir)]
    assert steps[-1] == total_steps(10, 64, 16) and steps == sorted(steps)
