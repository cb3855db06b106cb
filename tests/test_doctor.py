"""simclr doctor: every known way to miss an accelerator, on faked installs."""

import os
import textwrap

import pytest

from simclr import __main__ as cli
from simclr.commands.tools import doctor
from simclr.doctor import facts as facts_lib
from simclr.doctor.diagnosis import diagnose
from simclr.doctor.facts import Facts, collect
from simclr.messages.extras import install

# A TensorFlow as the question to it sees one.
TENSORFLOW = """
import types
__version__ = "{version}"
keras = types.SimpleNamespace(__version__="3.11.0")
test = types.SimpleNamespace(is_built_with_cuda=lambda: {cuda})
config = types.SimpleNamespace(
    list_physical_devices=lambda kind: [kind] * {{"GPU": {gpus}}}.get(kind, 0)
)
io = types.SimpleNamespace(gfile=types.SimpleNamespace(
    get_registered_schemes=lambda: {schemes}
))
"""


class Machine:
    """Folders that look like a machine's: packages, /dev and /proc."""

    def __init__(self, folder):
        self.root = folder
        self.site = folder / "site"
        self.site.mkdir()
        self.environ = {
            k: os.environ[k] for k in ("PATH", "HOME") if k in os.environ
        }
        self.write("site/keras/__init__.py", '__version__ = "3.11.0"\n')

    def write(self, path, text=""):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def install(self, **versions):
        for name, version in versions.items():
            self.write(
                f"site/{name}-{version}.dist-info/METADATA",
                f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            )

    def tensorflow(self, version="2.20.0", *, cuda=False, gpus=0, schemes=()):
        self.write(
            "site/tensorflow/__init__.py",
            TENSORFLOW.format(
                version=version, cuda=cuda, gpus=gpus, schemes=list(schemes)
            ),
        )

    def findings(self):
        return diagnose(
            collect(
                root=str(self.root),
                path=[str(self.site)],
                environ=self.environ,
            )
        )

    def wrong(self):
        return [finding for finding in self.findings() if not finding.good]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_all_is_well(machine):
    machine.install(tensorflow_tpu="2.19.1", libtpu="0.0.10")
    machine.tensorflow("2.19.1", schemes=["gs"])
    machine.write("dev/accel0")
    machine.write("dev/accel1")
    findings = machine.findings()
    assert all(finding.good for finding in findings)
    assert any("2 TPU chips can be used" in f.text for f in findings)


def test_no_accelerator_is_no_illness(machine):
    machine.install(tensorflow_cpu="2.21.0")
    machine.tensorflow("2.21.0")
    assert machine.wrong() == []
    assert "use the CPU" in machine.findings()[-1].text


def test_no_tensorflow(machine):
    machine.write("dev/nvidia0")
    [finding] = machine.wrong()
    assert "not installed" in finding.text
    assert finding.remedy == (install("gpu"),)


def test_cpu_wheel_over_the_tpu_wheel(machine):
    machine.install(
        tensorflow_tpu="2.19.1", tensorflow_cpu="2.20.0", libtpu="0.0.10"
    )
    machine.tensorflow()
    machine.write("dev/vfio/0")
    finding = machine.wrong()[0]
    assert "tensorflow-cpu 2.20.0 and tensorflow-tpu 2.19.1" in finding.text
    assert finding.remedy[0].startswith("pip uninstall -y")
    assert "[tpu]" in finding.remedy[1]


def test_two_wheels(machine):
    machine.install(tensorflow="2.21.0", tensorflow_cpu="2.21.0")
    machine.tensorflow()
    [finding] = machine.wrong()
    assert "over each other" in finding.text
    assert "[cpu]" in finding.remedy[1]


def test_libtpu_too_new_ends_the_import(machine):
    machine.install(tensorflow_tpu="2.20.0", libtpu="0.0.52")
    machine.write("site/tensorflow/__init__.py", "import os\nos.abort()\n")
    machine.write("dev/accel0")
    first, second = machine.wrong()
    assert "libtpu 0.0.52 is too new" in first.text
    assert first.remedy == ("pip install 'libtpu==0.0.23.1'",)
    assert "ends the process (signal 6)" in second.text


@pytest.mark.parametrize(
    "tensorflow, libtpu",
    [("2.20.0", "0.0.24"), ("2.20.0", "0.0.14"), ("2.19.1", "0.0.10")],
)
def test_pairs_that_fit(machine, tensorflow, libtpu):
    machine.install(tensorflow_tpu=tensorflow, libtpu=libtpu)
    machine.tensorflow(tensorflow, schemes=["gs"])
    machine.write("dev/accel0")
    assert machine.wrong() == []


def test_a_tpus_tensorflow_without_a_tpu(machine):
    """It is not asked for a TPU that is not there, which would take minutes."""
    machine.install(tensorflow_tpu="2.20.0", libtpu="0.0.23.1")
    machine.tensorflow("2.20.0", schemes=["gs"])
    module = machine.site / "tensorflow" / "__init__.py"
    module.write_text(
        "import os\nassert os.environ['TPU_SKIP_MDS_QUERY'] == '1'\n"
        + module.read_text()
    )
    [finding] = machine.wrong()
    assert "no TPU in /dev" in finding.text
    assert "[cpu]" in finding.remedy[1]


@pytest.mark.parametrize(
    "metadata, protobuf, good",
    [
        ("1.21.0", "5.29.6", False),
        ("1.17.3", "5.29.6", True),
        ("1.21.0", "6.31.1", True),
    ],
)
def test_data_sets_that_do_not_load(machine, metadata, protobuf, good):
    machine.install(
        tensorflow_tpu="2.19.1",
        libtpu="0.0.10",
        tensorflow_metadata=metadata,
        protobuf=protobuf,
    )
    machine.tensorflow("2.19.1", schemes=["gs"])
    machine.write("dev/accel0")
    wrong = machine.wrong()
    assert (wrong == []) == good
    if not good:
        assert "tensorflow_datasets is then empty" in wrong[0].text
        assert wrong[0].remedy == ("pip install 'tensorflow-metadata<1.18'",)


def test_import_that_fails_says_why(machine):
    machine.install(tensorflow_cpu="2.20.0")
    machine.write(
        "site/tensorflow/__init__.py", "raise ImportError('no libfoo.so')\n"
    )
    [finding] = machine.wrong()
    assert "no libfoo.so" in finding.text


def test_another_process_holds_the_chip(machine):
    machine.install(tensorflow_tpu="2.19.1", libtpu="0.0.10")
    machine.tensorflow("2.19.1", schemes=["gs"])
    chip = machine.write("dev/accel0")
    machine.write("proc/77/cmdline", "python\0train_jax.py\0")
    (machine.root / "proc/77/fd").mkdir()
    os.symlink(chip, machine.root / "proc/77/fd/5")
    os.symlink("/dev/null", machine.root / "proc/77/fd/1")
    [finding] = machine.wrong()
    assert "Process 77 holds the TPU" in finding.text
    assert "python train_jax.py" in finding.text
    assert finding.remedy == ("kill 77",)


def test_kaggles_image(machine):
    machine.install(tensorflow_cpu="2.20.0", jax="0.7.2", libtpu="0.0.17")
    machine.tensorflow()
    machine.write("dev/vfio/0")
    machine.environ["KAGGLE_KERNEL_RUN_TYPE"] = "Interactive"
    finding = machine.wrong()[0]
    assert "Kaggle's image" in finding.text
    assert finding.remedy[0].startswith("python -m venv")
    assert "[tpu]" in finding.remedy[1]


def test_no_gs_on_a_tpu(machine):
    machine.install(tensorflow_tpu="2.19.1", libtpu="0.0.10")
    machine.tensorflow("2.19.1", schemes=["file"])
    machine.write("dev/accel0")
    [finding] = machine.wrong()
    assert "gs://" in finding.text
    assert finding.remedy == ("pip install tensorflow-io-gcs-filesystem",)


@pytest.mark.parametrize(
    "variable, value",
    [("TF_USE_LEGACY_KERAS", "1"), ("KERAS_BACKEND", "jax")],
)
def test_keras_by_environment(machine, variable, value):
    machine.install(tensorflow_cpu="2.20.0")
    machine.tensorflow()
    machine.environ[variable] = value
    [finding] = machine.wrong()
    assert variable in finding.text
    assert finding.remedy == (f"unset {variable}",)


def test_keras_2(machine):
    machine.install(tensorflow_cpu="2.20.0", keras="2.15.0")
    machine.tensorflow()
    machine.write("site/keras/__init__.py", '__version__ = "2.15.0"\n')
    [finding] = machine.wrong()
    assert "Keras 2.15.0" in finding.text


def test_gpu_without_cuda_libraries(machine):
    machine.install(tensorflow="2.20.0")
    machine.tensorflow(cuda=True)
    machine.write("dev/nvidia0")
    machine.write("dev/nvidiactl")
    [finding] = machine.wrong()
    assert "1 GPU there" in finding.text
    assert "not installed" in finding.text
    assert "[gpu]" in finding.remedy[0]


def test_gpu_and_tensorflow_without_cuda(machine):
    machine.install(tensorflow_cpu="2.20.0")
    machine.tensorflow()
    machine.write("dev/nvidia0")
    [finding] = machine.wrong()
    assert "without CUDA" in finding.text
    assert "[gpu]" in finding.remedy[1]


def test_hidden_gpu(machine):
    machine.install(tensorflow="2.20.0")
    machine.tensorflow(cuda=True)
    machine.write("dev/nvidia0")
    machine.environ["CUDA_VISIBLE_DEVICES"] = ""
    [finding] = machine.wrong()
    assert finding.remedy == ("unset CUDA_VISIBLE_DEVICES",)


def test_gpu_that_is_seen(machine):
    machine.install(tensorflow="2.20.0")
    machine.tensorflow(cuda=True, gpus=2)
    machine.write("dev/nvidia0")
    machine.write("dev/nvidia1")
    assert machine.wrong() == []


def test_an_import_without_end(machine, monkeypatch):
    monkeypatch.setattr(facts_lib, "_SECONDS", 0.5)
    machine.install(tensorflow_cpu="2.20.0")
    machine.write("site/tensorflow/__init__.py", "while True: pass\n")
    [finding] = machine.wrong()
    assert "no answer in 0.5 seconds" in finding.text


def test_what_is_shown(capsys):
    ill = Facts(
        installed={"tensorflow-cpu": "2.20.0"},
        environ={},
        tpus=("/dev/accel0",),
        answer={
            "tensorflow": "2.20.0",
            "keras": "3.11.0",
            "cuda": False,
            "gpus": 0,
            "schemes": ["gs"],
        },
    )
    assert not doctor.doctor(collect=lambda: ill)
    said = capsys.readouterr().out
    tpu = install("tpu").removeprefix("pip install ")
    assert said == textwrap.dedent(
        f"""\
        ok    tensorflow-cpu 2.20.0 is installed.
        wrong 1 TPU chip can be seen, but tensorflow-cpu has no TPU support.
                pip uninstall -y tensorflow tensorflow-cpu tensorflow-tpu
                pip install --force-reinstall {tpu}
        """
    )


def test_this_machine(capsys):
    """The real TensorFlow, in a real child."""
    assert cli.main(["doctor"]) in (0, 1)
    assert "is installed" in capsys.readouterr().out
