"""Published names, shapes and what is told from them; nothing is built."""

import json
import math
import pathlib
import re

import pytest

from simclr.models.encoders.resnet import resnet
from simclr.published import detect
from simclr.published.files.source import Source
from simclr.published.names import STYLES, canonical, table
from simclr.published.resnet_layers import Net, names_and_shapes
from tests import published, published_files

GOLDEN = pathlib.Path(__file__).parent / "golden"
COUNTS = json.loads((GOLDEN / "param_counts.json").read_text())
NETS = {
    "r18_cifar": Net(18, stem="cifar"),
    "r50_s64": Net(50),
    "r50_sk_s64": Net(50, sk_ratio=0.0625),
}


def net_of(count):
    return Net(count["depth"], count["width"], count["sk"], count["stem"])


def source_of(shapes, style, **other_styles):
    """A Source of canonical names, each spelled as its key."""
    names = {style: {key: key for key in shapes}, **other_styles}
    return Source("test", dict(shapes), names, read=None)


def every(count, style):
    """Every weight of a counted net by its published name."""
    shapes = names_and_shapes(net_of(count))
    names = table(net_of(count), style)
    return {theirs: shapes[ours] for theirs, ours in names.items()}


@pytest.mark.parametrize(
    "count", COUNTS, ids="r{0[depth]}_{0[width]}x_{0[sk]}_{0[stem]}".format
)
def test_number_of_parameters(count):
    shapes = names_and_shapes(net_of(count))
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    trained = [n for name, n in sizes.items() if "/moving_" not in name]
    assert sum(trained) == count["encoder_trainable"]
    assert sum(sizes.values()) == count["encoder_total"]
    assert len(shapes) == count["n_vars"]
    assert net_of(count).features == count["feat_dim"]


@pytest.mark.parametrize("net", NETS)
def test_our_net_has_these_names_and_shapes(net):
    options = NETS[net]
    model = resnet(
        depth=options.depth, stem=options.stem, sk_ratio=options.sk_ratio
    )
    built = {v.path: tuple(v.shape) for v in model.variables}
    assert built == names_and_shapes(options)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("sync", ["", "sync_"])
@pytest.mark.parametrize("shift", [0, 100])
def test_tf2_names(net, sync, shift):
    """Each printed name is found, whatever number its program began with."""
    names = [name for name, _ in published_files.NAMES[net]]
    expected = published.encoder_weights(
        NETS[net].depth, sk=bool(NETS[net].sk_ratio)
    )
    spelled = [_renumber(n, sync, shift) for n in names]
    forms = canonical(spelled, "tf2")
    ours = table(NETS[net], "tf2")
    assert [ours[forms[name]] for name in spelled] == expected


def _renumber(name, sync, shift):
    """The name as a program spells it that made `shift` layers before."""
    scopes = name.split("/")
    for i, scope in enumerate(scopes[1:-1], start=1):
        kind, _, number = scope.rpartition("_")
        if scope.startswith("block_group"):
            continue
        if not number.isdigit():
            kind, number = scope, "0"
        number = int(number) + shift
        scopes[i] = f"{kind}_{number}" if number else kind
        if kind == "batch_normalization":
            scopes[i] = sync + scopes[i]
    return "/".join(scopes)


@pytest.mark.parametrize("net", NETS)
def test_tf1_names(net):
    names = [name for name, _ in published_files.NAMES[net]]
    expected = published.encoder_weights(
        NETS[net].depth, sk=bool(NETS[net].sk_ratio)
    )
    spelled = [published_files.tf1_name(name) for name in names]
    forms = canonical(spelled, "tf1")
    ours = table(NETS[net], "tf1")
    assert [ours[forms[name]] for name in spelled] == expected


def test_torchvision_names():
    names = set(published_files.torch_shapes())
    names = {n for n in names if "num_batches" not in n}
    assert set(table(Net(50, stem="torchvision"), "torch")) == names


@pytest.mark.parametrize(
    "style",
    [
        STYLES[0],
        *(pytest.param(s, marks=pytest.mark.slow) for s in STYLES[1:3]),
    ],
)
def test_every_net_is_told_from_its_shapes(style):
    for count in COUNTS:
        net = net_of(count)
        if style == "tf1" and net.sk_ratio and not net.bottleneck:
            continue  # See the next test.
        shapes = every(count, style)
        fit = detect.detect(source_of(shapes, style))
        plain = style != "object" and not net.bottleneck
        if plain and net.sk_ratio and net.stem == "cifar":
            # No weight shows it, but a note says so.
            assert any("taken for 0" in note for note in fit.notes)
            assert fit.net == Net(net.depth, net.width, 0.0, "cifar")
            continue
        assert fit.net == net
        assert (fit.model.depth, fit.model.width) == (net.depth, net.width)
        assert fit.model.head_layers == fit.num_classes == 0


def test_objects_show_what_full_names_hide():
    """Of two nets with the same weights, places in lists tell which it is."""
    net = Net(18, sk_ratio=0.0625, stem="cifar")
    full, objects = table(net, "tf2"), table(net, "object")
    place = {ours: theirs for theirs, ours in objects.items()}
    shapes = names_and_shapes(net)
    source = source_of(
        {theirs: shapes[ours] for theirs, ours in full.items()},
        "tf2",
        object={theirs: place[ours] for theirs, ours in full.items()},
    )
    assert detect.detect(source).net == net


def test_tf1_basic_blocks_with_sk_are_refused():
    count = {"depth": 18, "width": 1, "sk": 0.0625, "stem": "imagenet"}
    with pytest.raises(ValueError, match="compute another function"):
        detect.detect(source_of(every(count, "tf1"), "tf1"))


@pytest.mark.parametrize("style", STYLES)
def test_what_does_not_fit_is_listed(style):
    stem = "torchvision" if style == "torch" else "imagenet"
    shapes = every({"depth": 50, "width": 1, "sk": 0.0, "stem": stem}, style)
    names = list(shapes)
    bad = dict(shapes)
    del bad[names[40]]
    bad[names[10]] = (3,)
    bad["unknown/thing"] = (1, 2)
    with pytest.raises(ValueError) as error:
        detect.detect(source_of(bad, style))
    said = str(error.value)
    assert "nearest to a ResNet-50 x1" in said
    # Full names say which block, and by their order which layer of it.
    name = "bottleneck_block.2/conv2d_fixed" if style == "tf2" else names[40]
    assert re.search(rf"\([^)]*{re.escape(name)}[^)]*\) is missing", said)
    assert f"{names[10]} has shape (3,)" in said
    assert "unknown/thing is extra" in said
    assert "more" not in said


def test_eight_problems_are_shown_and_all_are_counted():
    shapes = every({"depth": 50, "width": 1, "sk": 0, "stem": "cifar"}, "tf1")
    kept = {k: v for i, (k, v) in enumerate(shapes.items()) if i % 20 != 5}
    missing = len(shapes) - len(kept)
    with pytest.raises(ValueError) as error:
        detect.detect(source_of(kept, "tf1"))
    said = str(error.value)
    assert said.count("is missing") == 8
    assert f"and {missing - 8} more ({missing} in all)" in said


@pytest.mark.parametrize("name", ["dense/kernel", "base_model/dense/kernel"])
def test_no_encoder_at_all(name):
    with pytest.raises(ValueError, match=rf"no encoder .* but {name}"):
        detect.detect(source_of({name: (3, 4)}, "tf1"))


def test_two_encoders_in_a_file_are_not_mixed():
    shapes = every({"depth": 18, "width": 1, "sk": 0, "stem": "cifar"}, "tf2")
    second = {n.replace("resnet/", "resnet_1/"): s for n, s in shapes.items()}
    with pytest.raises(ValueError, match=r"resnet_1/.* is extra"):
        detect.detect(source_of(shapes | second, "tf2"))
