"""simclr evaluate of a classifier, from the command line to its files."""

import glob
import json
import os

import numpy as np
import pytest

from simclr import __main__ as cli
from simclr.commands.use.evaluate_classifier import match_classes
from simclr.data.labels.few import few_labels, to_csv
from simclr.data.source import Source
from simclr.data.sources.registry import open_source
from simclr.inference import forward
from simclr.runs import checkpoint, weights
from simclr.runs import folder as run_folder
from simclr.storage import tables
from tests import tiny, tiny_classifier
from tests.test_predict import rows, say


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return tiny.write_photos(tmp_path_factory.mktemp("photos"), count=40)


@pytest.fixture(scope="module")
def held_out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("held_out")
    return tiny.write_photos(folder, count=30, seed=1)


@pytest.fixture(scope="module")
def run(tmp_path_factory, photos, held_out):
    folder = tmp_path_factory.mktemp("run")
    return tiny_classifier.write(folder, photos, eval_source=str(held_out))


@pytest.fixture(scope="module")
def scored(run):
    """The run after `simclr evaluate RUN`."""
    assert cli.main(["evaluate", run]) == 0
    return run


def results(run, name="results.json"):
    with open(os.path.join(run, name)) as file:
        return json.load(file)


def test_scores_the_held_out_images(run, held_out, tmp_path, capsys):
    status, said, _ = say(capsys, "evaluate", run)
    assert status == 0
    for words in ("top-1", "cross entropy", "recall", "Calibration error"):
        assert words in said
    assert said.splitlines()[-1] == f"Look at {run}/confusion.png"
    assert os.path.getsize(f"{run}/confusion.png") > 1000
    found = results(run)
    assert found["step"] == 4
    assert found["images"]["score"] == {"source": str(held_out), "count": 30}
    [row] = found["rows"]
    # The same by way of the predictions file.
    out = tmp_path / "p.csv"
    say(capsys, "predict", run, held_out, f"--out={out}")
    pairs = [(p["id"].split("/")[0], p["label"]) for p in rows(out)]
    names = ("cat", "dog")
    confusion = [[pairs.count((y, p)) for p in names] for y in names]
    assert row["confusion"] == confusion
    assert row["top1"] == np.trace(confusion) / 30
    assert [c["name"] for c in row["per_class"]] == ["cat", "dog"]


@pytest.mark.slow  # As all that needs jax: make slow installs it.
def test_by_pjrt(scored, capsys, monkeypatch):
    """The same scores from jax's devices, and no batch by tf.distribute."""
    pytest.importorskip("jax")
    [expected] = results(scored)["rows"]
    monkeypatch.setattr(forward, "_TensorFlow", None)
    flags = ["--engine=pjrt", "--strategy=cpu"]
    status, said, error = say(capsys, "evaluate", scored, *flags)
    assert status == 0, error
    assert "1 x cpu by PJRT" in said
    [found] = results(scored)["rows"]
    assert found.pop("confusion") == expected.pop("confusion")
    for name in ("top1", "nll", "ece"):
        assert found[name] == pytest.approx(expected[name], rel=1e-4)


def test_counts_the_parameters_but_not_the_statistics(scored):
    models = weights.load_classifier(scored).models.values()
    count = sum(
        int(np.prod(variable.shape))
        for model in models
        for variable in model.variables
        if not variable.path.endswith(("mean", "variance"))
    )
    assert results(scored)["parameters"] == count
    assert count < sum(m.count_params() for m in models)


def test_other_images_have_files_of_their_own(scored, photos, tmp_path, capsys):
    before = results(scored)
    assert say(capsys, "evaluate", scored, f"--eval_data={photos}")[0] == 0
    name = os.path.basename(photos)
    assert (
        results(scored, f"results_{name}.json")["images"]["score"]["count"]
        == 40
    )
    assert os.path.exists(f"{scored}/confusion_{name}.png")
    assert results(scored) == before


def test_labels_are_matched_by_name_and_only_labelled_images_count(
    run, photos, tmp_path, capsys
):
    """A CSV file of dogs alone; an image that cannot be read."""
    few = tiny.write_photos(tmp_path / "few", count=12)
    (few / "dog" / "001.png").write_bytes(b"GIF89a no more")
    table = tmp_path / "labels.csv"
    dogs = sorted(os.listdir(few / "dog"))[:4]
    table.write_text(
        "id,label\n" + "".join(f"dog/{name},dog\n" for name in dogs)
    )
    # Others that are called so have been scored before.
    others = '{"identity": {"of": ["", "/elsewhere/few"]}}'
    run_folder.write(run, "results_few.json", others)
    status, said, _ = say(
        capsys, "evaluate", run, f"--eval_data={few}", f"--eval_labels={table}"
    )
    assert status == 0 and "1 unreadable image" in said
    assert results(run, "results_few.json") == json.loads(others)
    (path,) = glob.glob(f"{run}/results_few_*.json")
    found = results(run, os.path.basename(path))
    (listed,) = glob.glob(f"{run}/unreadable_few_*.tsv")
    assert [row[0] for row in tables.read(listed, "\t")] == ["dog/001.png"]
    cat, dog = found["rows"][0]["per_class"]
    assert (cat["count"], dog["count"]) == (0, 3)
    assert cat["recall"] is None
    assert found["images"]["score"]["count"] == 3


def test_images_that_its_labels_csv_left_out(photos, tmp_path, capsys):
    """As finetune --label_fraction leaves a run without held-out images."""
    source = open_source(str(photos))
    table = tmp_path / "labels.csv"
    table.write_text(to_csv(source, few_labels(source, 0.25)))
    run = tiny_classifier.write(tmp_path / "run", photos, labels=str(table))
    status, said, _ = say(capsys, "evaluate", run)
    assert status == 0 and f"30 of {photos} without labels.csv" in said
    assert sum(map(sum, results(run)["rows"][0]["confusion"])) == 30
    assert "trained on" not in said
    status, said, _ = say(capsys, "evaluate", run, f"--eval_data={photos}")
    assert status == 0 and "10 of these images were trained on" in said
    # Classes of its folders: all of them, under whatever name.
    whole = tiny_classifier.write(tmp_path / "whole", photos)
    line = ("evaluate", whole, f"--eval_data=folder:{photos}")
    status, said, _ = say(capsys, *line)
    assert status == 0 and "40 of these images were trained on" in said


def test_a_class_that_it_does_not_know_is_named_and_a_miss(
    run, tmp_path, capsys
):
    mixed = tiny.write_photos(tmp_path / "mixed", 20, ("dog", "eel"))
    status, said, _ = say(capsys, "evaluate", run, f"--eval_data={mixed}")
    assert status == 0
    assert (
        f"Note      10 images of {mixed} are of classes that the classifier "
        "lacks, 1 (eel), and a miss each." in said
    )
    found = results(run, "results_mixed.json")
    [row] = found["rows"]
    assert found["images"]["score"]["count"] == 20 and row["unknown"] == 10
    assert np.sum(row["confusion"]) == 10
    assert row["top1"] == np.trace(row["confusion"]) / 20


def test_bad_input_is_one_line(run, photos, tmp_path, capsys):
    no_eval = tiny_classifier.write(tmp_path / "no_eval", photos)
    others = tiny.write_photos(tmp_path / "others", 20, ("ant", "eel"))
    plain = tiny.write_photos(tmp_path / "plain", 20, ("all",)) / "all"
    pretrained = str(tmp_path / "pretrained")
    with run_folder.open_run(
        pretrained, tiny.config(photos), {"data": {}, "classes": None}
    ):
        checkpoint.save(run_folder.checkpoints(pretrained), 1, {})
    for line, message in [
        ((no_eval,), "no held-out images to score: say --eval_data=IMAGES"),
        ((run, f"--eval_data={others}"), "has 2 (cat, dog), "),
        ((run, f"--eval_data={plain}"), "has no labelled images to score"),
        ((no_eval, "--eval_labels=x.csv"), "--eval_data, which is missing"),
        ((pretrained, "--classifier"), "Make one with simclr finetune"),
    ]:
        status, _, error = say(capsys, "evaluate", *line)
        assert status == 2 and message in error, error


def test_an_import_is_named_by_numbers_or_as_the_images(
    photos, tmp_path, capsys
):
    run = tiny_classifier.write(tmp_path / "run", photos)
    facts = run_folder.read_facts(run)
    facts |= {
        "classes": None,
        "imported": {"probe_input": "layer1", "num_classes": 2, "path": "x"},
    }
    run_folder.write(run, "run.json", json.dumps(facts))
    config = f"{run}/config.json"
    with open(config) as file:
        text = file.read().replace('"finetune"', '"pretrain"')
    run_folder.write(run, "config.json", text)
    line = ["evaluate", run, "--classifier", f"--data={photos}"]
    status, said, _ = say(capsys, *line)
    assert status == 0 and "in the order of" in said
    by_name = results(run, "results_classifier.json")["rows"][0]
    assert [row["name"] for row in by_name["per_class"]] == ["cat", "dog"]
    for number, name in ((0, "cat"), (1, "dog")):
        os.makedirs(tmp_path / "numbered", exist_ok=True)
        os.symlink(photos / name, tmp_path / "numbered" / str(number))
    line[-1] = f"--data={tmp_path}/numbered"
    assert say(capsys, *line)[0] == 0
    by_number = results(run, "results_classifier_numbered.json")["rows"][0]
    assert [row["name"] for row in by_number["per_class"]] == ["0", "1"]
    assert by_number["confusion"] == by_name["confusion"]


def test_its_features_are_scored_into_files_of_their_own(scored, capsys):
    before = results(scored)
    status, said, _ = say(
        capsys, "evaluate", scored, "--noclassifier", "--nobaselines"
    )
    assert status == 0 and f"{scored}/summary_features.png" in said
    [row] = results(scored, "results_features.json")["rows"]
    assert "knn_top1" in row
    assert results(scored) == before


def test_numbers_are_matched_by_their_value():
    """Folders are in the order of their letters: 0, 1, 10, 2, ..."""
    source = Source("numbered")
    source.class_names = sorted(map(str, range(11)))
    source.labels = np.arange(11, dtype=np.int32)
    names = match_classes(source, None, 11)
    assert names == [str(i) for i in range(11)]
    assert source.labels.tolist() == [0, 1, 10, *range(2, 10)]


@pytest.mark.slow
def test_from_a_fine_tuned_run_to_labels(photos, tmp_path, capsys):
    """The whole way: finetune on half, evaluate the rest, predict."""
    recipe = tmp_path / "recipe.py"
    recipe.write_text(
        "import dataclasses\n"
        "from simclr.config import Classifier, Optimizer\n"
        "from tests import tiny\n"
        "config = dataclasses.replace(\n"
        '    tiny.CONFIG, task="finetune", epochs=1,\n'
        "    classifier=Classifier(from_layer=1),\n"
        '    optimizer=Optimizer(name="sgd", warmup_epochs=0.0))\n'
    )
    run, out = str(tmp_path / "run"), tmp_path / "p.csv"
    assert cli.main(
        ["finetune", f"--config={recipe}", f"--data={photos}"]
        + [f"--workdir={run}", "--label_fraction=0.5"]
    ) == 0  # fmt: skip
    assert say(capsys, "evaluate", run)[0] == 0
    assert results(run)["images"]["score"]["count"] == 20
    assert say(capsys, "predict", run, photos, f"--out={out}")[0] == 0
    assert {row["label"] for row in rows(out)} <= {"cat", "dog"}
