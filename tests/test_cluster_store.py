"""simclr cluster: a store's images by what they look like; ids that last."""

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

import simclr
from simclr import __main__ as cli
from simclr.explore import clustering, space
from simclr.explore.store import store
from simclr.messages.errors import InputError
from tests import made_store

PARTS, DIMS = 6, 12


@pytest.fixture
def begun(tmp_path):
    vectors, label = made_store.mixture(600, PARTS, DIMS)
    return made_store.begin(tmp_path / "store", vectors), label


def clusters_of(found):
    """int [m] in the order of the images' names."""
    rows = found.read(["id", "cluster"]).sort_by("id")
    return rows["cluster"].to_numpy()


def assert_same_parts(cluster, label):
    """Each cluster is a part, each part a cluster."""
    pairs = set(zip(cluster.tolist(), label.tolist()))
    assert len(pairs) == len(set(cluster)) == len(set(label))


@pytest.mark.parametrize("way", ["kmeans", "head", "hdbscan"])
def test_finds_the_parts(begun, way):
    found, label = begun
    k = 0 if way == "hdbscan" else PARTS
    table = simclr.cluster(found.path, k=k, way=way, quiet=True)
    found.refresh()
    assert_same_parts(clusters_of(found), label)
    sizes = dict(zip(table["id"].to_pylist(), table["images"].to_pylist()))
    assert sizes == dict(zip(*np.unique(clusters_of(found), return_counts=1)))
    novelty = found.read(["novelty"])["novelty"].to_numpy()
    assert 0.001 < (novelty > 1).mean() < 0.05, "about one in a hundred"


def test_proposes_the_number_of_parts(begun, capsys):
    found, _ = begun
    assert cli.main(["cluster", found.path, "--most=12"]) == 0
    said = capsys.readouterr()
    assert (
        f"k         {PARTS}: clusters fitted to different images agree by "
        in said.out
    )
    assert said.err.endswith(f"Next: simclr page {found.path} --serve\n")
    folder = f"{found.path}/clusters"
    rows = pa.csv.read_csv(f"{folder}/k.csv").to_pylist()
    best = max(rows, key=lambda row: row["mean"])
    assert best["mean"] > 0.95
    for name in ("k.png", "clusters.png"):
        with open(f"{folder}/{name}", "rb") as file:
            assert file.read(4) == b"\x89PNG"


def test_ids_and_names_last(begun, tmp_path, capsys):
    """Over a new fit, more images, and images that went."""
    found, label = begun
    simclr.cluster(found.path, k=PARTS, quiet=True)
    before = clusters_of(store.Store(found.path))
    named = tmp_path / "names.csv"
    named.write_text(f"id,name\n{before[0]},first of all\n")
    assert cli.main(["cluster", found.path, f"--names={named}"]) == 0
    more, label_of_more = made_store.mixture(200, PARTS, DIMS, of=1)
    rows = made_store.rows_of(more, found.current, first=600)
    found.refresh()
    found.append(rows.to_batches())
    gone = pa.table({"id": ["/s/00000"], "gone": ["2026-01-02"]})
    found.merge(gone)
    capsys.readouterr()
    line = ["cluster", found.path, f"--k={PARTS}", "--seed=5"]
    assert cli.main(line) == 0
    assert "599 images keep theirs, 0 have another" in capsys.readouterr().out
    found.refresh()
    after = clusters_of(found)
    np.testing.assert_array_equal(after[:599], before[1:])
    assert_same_parts(after, np.concatenate([label[1:], label_of_more]))
    names = space.read(found).clusters.names
    assert names.count("first of all") == 1
    row = names.index("first of all")
    assert space.read(found).clusters.ids[row] == before[0]


def test_a_new_fit_goes_on(begun, capsys):
    """From the same whitening, and from clusters that a day has born."""
    found, _ = begun
    assert cli.main(["cluster", found.path, "--most=12"]) == 0
    assert "goes on" not in capsys.readouterr().out
    found.refresh()
    first = space.read(found)
    rng = np.random.default_rng(8)
    strange = rng.normal(size=DIMS) + 0.3 * rng.normal(size=[60, DIMS])
    rows = made_store.rows_of(strange, found.current, first=600)
    found.append(rows.to_batches())
    simclr.assign(found.path, quiet=True)
    found.refresh()
    before = clusters_of(found)
    capsys.readouterr()
    assert cli.main(["cluster", found.path, "--seed=4"]) == 0
    said = capsys.readouterr().out
    assert f"goes on from the {PARTS + 1} clusters before; --anew" in said
    assert "660 images keep theirs, 0 have another one" in said
    found.refresh()
    np.testing.assert_array_equal(clusters_of(found), before)
    again = space.read(found)
    np.testing.assert_array_equal(again.whitening.axes, first.whitening.axes)
    assert np.any(again.clusters.centroids[:PARTS] != first.clusters.centroids)


@pytest.mark.parametrize(
    "option",
    [
        {"anew": True, "k": PARTS},
        {"k": PARTS - 1},
        {"dims": DIMS - 4, "k": PARTS},
        {"way": "head", "k": PARTS},
        {"most": PARTS},
    ],
    ids=str,
)
def test_a_new_fit_begins_from_nothing(begun, option):
    found, _ = begun
    assert not clustering.cluster(found, k=PARTS).went_on
    before = space.read(found).whitening
    rows, _ = made_store.mixture(200, PARTS, DIMS, of=1)
    rows = made_store.rows_of(rows, found.current, first=600)
    found.append(rows.to_batches())
    assert not clustering.cluster(found, **option).went_on
    after = space.read(found).whitening
    assert np.any(after.mean != before.mean)


def test_a_head_is_not_gone_on_from(begun):
    found, _ = begun
    clustering.cluster(found, k=PARTS, way="head")
    assert not clustering.cluster(found, k=PARTS).went_on
    assert clustering.cluster(found, k=PARTS).went_on


def test_a_split_says_so(begun):
    """Half as many clusters, then all: no image changes without a word."""
    found, _ = begun
    simclr.cluster(found.path, k=PARTS // 2, quiet=True)
    before = clusters_of(store.Store(found.path))
    again = clustering.cluster(store.Store(found.path), k=PARTS, day="x")
    after = clusters_of(store.Store(found.path))
    moves = {(int(a), int(b)) for a, b in again.matched.moves}
    changed = before != after
    assert set(zip(before[changed].tolist(), after[changed].tolist())) <= moves
    assert again.changed == changed.sum() and again.kept == (~changed).sum()
    assert again.matched.splits and len(again.matched.born) == PARTS // 2


def test_ids_pass_to_another_encoder(begun):
    """By the images that both have seen."""
    found, label = begun
    simclr.cluster(found.path, k=PARTS, quiet=True)
    found.refresh()
    before = clusters_of(found)
    other, _ = made_store.mixture(600, PARTS, DIMS, seed=9)
    centres = np.random.default_rng(9).normal(size=[PARTS, DIMS])
    noise = np.random.default_rng(2).normal(size=other.shape)
    other = centres[label] + 0.3 * noise  # Of the same parts.
    second = made_store.encoder(DIMS, number=2)
    found.add_encoder(second)
    rows = made_store.rows_of(other, second)
    found.merge(rows.select(["id", "vector_2", "model_2"]))
    found.turn_to(second)
    simclr.cluster(found.path, k=PARTS, quiet=True)
    found.refresh()
    np.testing.assert_array_equal(clusters_of(found), before)
    old = found.table.to_table(columns=["id", "cluster"]).sort_by("id")
    np.testing.assert_array_equal(old["cluster"].to_numpy(), before)


def test_the_same_again(begun):
    found, _ = begun
    simclr.cluster(found.path, k=PARTS, quiet=True)
    first = clusters_of(store.Store(found.path))
    table = simclr.cluster(found.path, k=PARTS, quiet=True)
    np.testing.assert_array_equal(clusters_of(store.Store(found.path)), first)
    assert len(table) == PARTS


def test_what_is_refused(begun, tmp_path):
    found, _ = begun
    with pytest.raises(InputError, match="600 images, too few for 400"):
        simclr.cluster(found.path, k=400, quiet=True)
    vectors = np.ones([1, 6], np.float16)
    single = made_store.begin(tmp_path / "single", vectors)
    with pytest.raises(InputError, match="single has 1 image, too few for 2"):
        simclr.cluster(single.path, quiet=True)
    with pytest.raises(InputError, match="no k"):
        simclr.cluster(found.path, k=3, way="hdbscan", quiet=True)
    with pytest.raises(InputError, match="is no store"):
        simclr.cluster(str(tmp_path), quiet=True)
    names = tmp_path / "names.csv"
    names.write_text("id,name\n77,x\n")
    with pytest.raises(InputError, match="has no clusters"):
        simclr.cluster(found.path, names=str(names), quiet=True)
    simclr.cluster(found.path, k=2, quiet=True)
    with pytest.raises(InputError, match="no cluster has the id 77"):
        simclr.cluster(found.path, names=str(names), quiet=True)
    for text, why in (
        ("a,b\n1,2\n", "should have id and name"),
        ("id,name\n0," + "x" * 200_000, "is no table of text"),
        ("id,name\nphoto.jpg,x\n", "'photo.jpg' is no number of a cluster"),
        ("id,name\n", "names nothing"),
        ("", "is empty"),
    ):
        names.write_text(text)
        with pytest.raises(InputError, match=why):
            simclr.cluster(found.path, names=str(names), quiet=True)
    names.write_text("id,name\n0,x\n1,x\n0,y\n")
    with pytest.raises(InputError, match="names the cluster 0 twice: 'x' and"):
        simclr.cluster(found.path, names=str(names), quiet=True)


def test_new_images_go_to_clusters(begun, capsys):
    """And a new part becomes a cluster; no old image changes."""
    found, label = begun
    simclr.cluster(found.path, k=PARTS, quiet=True)
    found.refresh()
    before = clusters_of(found)
    known, of_known = made_store.mixture(150, PARTS, DIMS, of=1)
    rng = np.random.default_rng(8)
    strange = rng.normal(size=DIMS) + 0.3 * rng.normal(size=[60, DIMS])
    more = np.concatenate([known, strange]).astype(np.float16)
    rows = made_store.rows_of(more, found.current, first=600)
    found.append(rows.to_batches())
    assert cli.main(["assign", found.path, "--day=2026-01-02"]) == 0
    said = capsys.readouterr().out
    assert "210 images assigned" in said
    assert f"clusters that were born: {PARTS}" in said
    found.refresh()
    after = clusters_of(found)
    np.testing.assert_array_equal(after[:600], before)
    parts = np.concatenate([label, of_known, np.full(60, PARTS)])
    assert_same_parts(after, parts)
    assert space.read(found).clusters.born[-1] == "2026-01-02"
    version = found.table.version
    table = simclr.assign(found.path, quiet=True)  # Nothing is left to do.
    assert len(table) == 0 and "new" in table.column_names
    assert store.Store(found.path).table.version == version


def test_a_head_labels_new_images(tmp_path):
    """And distance and novelty are those to its cluster's mean."""
    vectors, _ = made_store.mixture(900, PARTS, DIMS, spread=0.8)
    found = made_store.begin(tmp_path / "store", vectors[:600])
    simclr.cluster(found.path, k=PARTS, way="head", quiet=True)
    rows = made_store.rows_of(vectors[600:], found.current, first=600)
    found.append(rows.to_batches())
    simclr.assign(found.path, quiet=True)
    found.refresh()
    table = found.read(["id", "cluster", "distance", "novelty"]).sort_by("id")
    known = space.read(found)
    x = known.whitening.apply(vectors)
    said = known.head.probabilities(x).argmax(1)
    np.testing.assert_array_equal(table["cluster"], known.clusters.ids[said])
    away = np.linalg.norm(x - known.clusters.centroids[said], axis=1)
    np.testing.assert_allclose(table["distance"], away, rtol=1e-5)
    novelty = away / known.clusters.thresholds[said]
    np.testing.assert_allclose(table["novelty"], novelty, rtol=1e-5)
    near = np.linalg.norm(x[:, None] - known.clusters.centroids, axis=2)
    assert np.any(near.argmin(1)[600:] != said[600:])


def test_images_without_clusters(begun):
    found, _ = begun
    with pytest.raises(InputError, match="has no clusters"):
        simclr.assign(found.path, quiet=True)


def test_images_of_all_days_are_fitted_to(tmp_path):
    """A store is in order of days, and each may have images of its own."""
    vectors, label = made_store.mixture(1500, 2, DIMS)
    order = np.argsort(label, kind="stable")
    found = made_store.begin(tmp_path / "sorted", vectors[order])
    simclr.cluster(found.path, k=2, quiet=True)
    found.refresh()
    assert_same_parts(clusters_of(found), label[order])
    known = space.read(found)
    assert len(known.reference) == 1500, "a small store's is all of it"
    of_reference = np.linalg.norm(
        known.reference[:, None].astype("f") - known.clusters.centroids, axis=2
    ).argmin(1)
    assert 0.3 < of_reference.mean() < 0.7


def test_clusters_of_another_version_are_one_line(begun):
    found, _ = begun
    simclr.cluster(found.path, k=PARTS, quiet=True)
    table = found.get("clusters")
    found.put("clusters", table.drop_columns(["way"]))
    with pytest.raises(InputError, match=r"clusters\.lance away"):
        simclr.cluster(found.path, quiet=True)
