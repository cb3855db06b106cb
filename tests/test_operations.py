"""The table of operations, each of them, and lists of them as views."""

import dataclasses
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from simclr import config as config_lib
from simclr.config import BYOL, Augment, Config, one_branch
from simclr.data.views import colour, table, view_draws
from simclr.data.views.op import Op, Ops, View
from simclr.data.views.operation import Draw, Operation, Strength
from tests import reference_augment as reference
from tests.test_augment import images

N, SIDE = 24, 12
GOLDEN_DRAWS = {  # At step 3, seed 1, row 5, view 2.
    "flip": 0.863774,
    "jitter": 0.18012,
    "brightness": 0.189105,
    "contrast": 0.496015,
    "saturation": 0.360099,
    "hue": 0.828337,
    "gray": 0.950762,
    "blur": 0.430757,
    "solarize": 0.156579,
    "crop_seeds": [-772110296, -933318393],
    "order": [3, 1, 0, 2],
    "sigma": 0.878809,
}
NAMES = [name for name in table.OPERATIONS if name != "crop"]


def draws_of(*lists, step=3, seed=1, count=N):
    """Numbers for one view with these operations, or for two."""
    views = [View.of(operations) for operations in lists]
    draws = view_draws.draw(
        step, seed=seed, batch_size=count, views=(*views, View.of([]))[:2]
    )
    if len(lists) == 2:
        return draws
    return {name: x[:, 0] for name, x in draws.items()}


def run(*operations, x=None, form=colour.colour):
    """float32 [n, s, s, 3]: a view of `x` by these operations."""
    x = images(N, SIDE) if x is None else x
    draws = draws_of(operations, count=len(x))
    return form(tf.constant(x), draws, View.of(operations).steps).numpy()


def on_device(*arguments):
    *tensors, steps = arguments
    function = tf.function(
        lambda x, draws: colour.colour(x, draws, steps), jit_compile=True
    )
    return function(*tensors)


def test_every_file_is_a_row_of_the_table():
    folder = pathlib.Path(colour.__file__).parent / "operations"
    files = {path.stem for path in folder.glob("[!_]*.py")}
    assert files == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_host_and_device_agree(name):
    """Also where the images' type is wider, and nothing leaves [0, 1]."""
    operations = [Op("flip", prob=0), Op(name, prob=0.5)]
    eager = run(*operations)
    for form in (on_device, colour.colour_one_by_one):
        found = run(*operations, form=form)
        np.testing.assert_allclose(found, eager, atol=1e-5)
    double = run(*operations, x=images(N, SIDE) / 255)
    assert double.dtype == np.float64
    np.testing.assert_allclose(double, eager, atol=1e-5)
    assert eager.min() >= 0 and eager.max() <= 1
    same = [np.allclose(a, b / 255) for a, b in zip(eager, images(N, SIDE))]
    draw = draws_of(operations)["flip.2" if name == "flip" else name].numpy()
    if name != "blur":  # Its kernel is one pixel at this size.
        assert same == (draw >= 0.5).tolist()


def test_prob_0_and_1():
    assert np.allclose(run(Op("rotate", prob=0)), images(N, SIDE) / 255)
    turned = run(Op("rotate", prob=1))
    assert not any(
        np.allclose(a, b / 255) for a, b in zip(turned, images(N, SIDE))
    )


@pytest.mark.parametrize("size", [0, 0.25, 0.5, 1])
def test_cutout_is_the_slow_one(size):
    draws = draws_of([Op("cutout")])
    found = run(Op("cutout", size=size, fill=0.3))
    for i, image in enumerate(images(N, SIDE)):
        expected = reference.cutout(
            image / 255,
            draws["cutout_row"][i].numpy(),
            draws["cutout_column"][i].numpy(),
            size,
            0.3,
        )
        np.testing.assert_allclose(found[i], expected, atol=1e-6)


def test_sobel_is_the_slow_one():
    found = run(Op("sobel"))
    for i, image in enumerate(images(N, SIDE)[:4]):
        expected = reference.sobel(image / 255)
        np.testing.assert_allclose(found[i], expected, atol=1e-5)


def test_sobel_of_a_step_is_1_on_both_sides():
    x = np.zeros([1, 6, 6, 3], np.uint8)
    x[:, :, 3:] = 255
    expected = np.zeros([6, 6, 3])
    expected[:, 2:4] = 1
    np.testing.assert_allclose(run(Op("sobel"), x=x)[0], expected, atol=1e-6)


def test_rotate_is_the_slow_one():
    turns = draws_of([Op("rotate")])["quarter_turns"].numpy()
    assert set((3 * turns).astype(int)) == {0, 1, 2}
    found = run(Op("rotate"))
    for i, image in enumerate(images(N, SIDE)):
        expected = reference.rotate(image / 255, turns[i])
        np.testing.assert_allclose(found[i], expected, atol=1e-6)


def test_noise_is_the_slow_one():
    seeds = draws_of([Op("noise")])["noise_seed"].numpy()
    found = run(Op("noise", deviation=0.2))
    for i, image in enumerate(images(N, SIDE)[:4]):
        expected = reference.noise(image / 255, seeds[i], 0.2)
        np.testing.assert_allclose(found[i], expected, atol=1e-5)


def test_noise_is_normal_and_independent():
    """In every image, and between images, pixels and channels."""
    x = np.full([400, 16, 16, 3], 0.5)
    noise = (run(Op("noise", deviation=0.1), x=x) - 0.5) / 0.1
    noise = noise.reshape(400, -1)  # [image, place]
    values = np.sort(noise.ravel())
    assert abs(values.mean()) < 4 / np.sqrt(len(values))
    assert abs(values.std() - 1) < 4 / np.sqrt(2 * len(values))
    quantiles = [-2.326, -1.282, 0, 1.282, 2.326]
    shares = np.searchsorted(values, quantiles) / len(values)
    np.testing.assert_allclose(shares, [0.01, 0.1, 0.5, 0.9, 0.99], atol=3e-3)
    for some in (noise, noise.T[:400]):  # Images, then places.
        correlation = np.corrcoef(some) - np.eye(400)
        bound = 5.5 / np.sqrt(some.shape[1])  # Of 80,000 pairs.
        assert np.abs(correlation).max() < bound
    assert len(np.unique(noise)) > 0.95 * noise.size


def test_strengths_are_uniform():
    count = 4000
    draws = draws_of([Op("cutout"), Op("rotate"), Op("noise")], count=count)
    for name in ("cutout", "cutout_row", "cutout_column", "quarter_turns"):
        counts = np.histogram(draws[name], 20, (0, 1))[0]
        chi_square = ((counts - count / 20) ** 2 / (count / 20)).sum()
        assert chi_square < 19 + 4.5 * np.sqrt(2 * 19), name
    names = [n for n, x in draws.items() if x.shape == [count]]
    x = np.stack([draws[n].numpy() for n in names])
    assert np.abs(np.corrcoef(x) - np.eye(len(x))).max() < 4.5 / np.sqrt(count)


def test_golden_draws():
    """Those of runs before there were lists; keys never change."""
    found = view_draws.draw(3, seed=1, batch_size=12)
    first = {
        name: np.round(x[5, 1].numpy().astype(float), 6).tolist()
        for name, x in found.items()
    }
    assert first == GOLDEN_DRAWS


def test_a_draw_does_not_depend_on_what_else_is_in_the_list():
    published = view_draws.draw(3, seed=1, batch_size=N)
    other = draws_of(
        [Op("noise"), Op("jitter"), Op("gray")], [Op("cutout"), Op("blur")]
    )
    assert {"crop_seeds", "flip", "brightness", "sigma"} <= set(other)
    for name in set(published) & set(other):
        np.testing.assert_array_equal(published[name], other[name])
    assert "solarize" not in other and "rotate" not in other


def test_no_branch_on_a_device():
    """It would make a GPU wait; on the host what is not chosen is skipped."""
    operations = [Op(name, prob=0.5) for name in NAMES]
    steps = View.of(operations).steps
    text = {}
    for count in (1, 4):
        function = tf.function(
            lambda x, draws: colour.colour(x, draws, steps), jit_compile=True
        )
        x = tf.constant(images(count, SIDE))
        lower = function.experimental_get_compiler_ir(
            x, draws_of(operations, count=count)
        )
        text[count] = lower(stage="hlo")
    assert " multiply(" in text[4] and " conditional(" not in text[4]
    assert " conditional(" in text[1]


def test_the_order_of_a_list_is_the_order_of_the_work():
    noise, gray = Op("noise"), Op("gray", prob=1)
    last, first = run(noise, gray), run(gray, noise)
    assert np.ptp(last, axis=3).max() < 1e-6
    assert np.ptp(first, axis=3).max() > 0.1


def test_twice_in_a_list_has_other_numbers():
    twice = [Op("cutout", fill=0), Op("cutout", fill=1)]
    draws = draws_of(twice)
    assert {"cutout.2", "cutout_row.2", "cutout_column.2"} <= set(draws)
    apart = draws["cutout_row"] != draws["cutout_row.2"]
    assert apart.numpy().all()
    x = run(*twice, form=on_device)
    assert ((x == 0).any((1, 2, 3)) & (x == 1).any((1, 2, 3))).mean() > 0.5


def test_the_short_spelling_is_a_list():
    short = Augment(
        crop_area=(0.2, 1.0),
        color_strength=0.5,
        brightness_rule="add",
        blur_probs=(1.0, 0.1),
        solarize_probs=(0.0, 0.2),
    )
    shared = (
        "crop(area=(0.2, 1)), flip, jitter(brightness=0.4, contrast=0.4, "
        "saturation=0.4, hue=0.1, brightness_rule='add'), gray, "
    )
    full = Augment(
        view1=shared + "blur(prob=1), solarize(prob=0)",
        view2=shared + "blur(prob=0.1), solarize(prob=0.2)",
    )
    assert full.views == short.views
    mixed = dataclasses.replace(short, view2=full.view2)
    assert mixed.views == short.views


def test_a_list_takes_the_place_of_strengths_that_nobody_hears():
    recipe = Config(augment=Augment(color_strength=0.5, place="host"))
    both = ["augment.view1=crop", "augment.view2=crop, flip"]
    augment = config_lib.override(recipe, both).augment
    assert augment == Augment(place="host", view1="crop", view2="crop, flip")
    with pytest.raises(ValueError, match=r"augment\.hue is 0\.1, but"):
        config_lib.override(recipe, [*both, "augment.hue=0.1"])
    first = config_lib.override(recipe, both[:1])
    assert first.augment.color_strength == 0.5  # The other view's.
    assert config_lib.override(first, both[1:]).augment == augment


def test_recipes_of_papers():
    first, second = BYOL.views
    chances = [
        {op.name: op.prob for op, _ in view.steps} for view in (first, second)
    ]
    assert [c["blur"] for c in chances] == [1.0, 0.1]
    assert [c["solarize"] for c in chances] == [0.0, 0.2]
    branch = one_branch(Op("gray", prob=1), "cutout")
    first, second = branch.views
    assert [op.name for op, _ in first.steps] == ["gray", "cutout"]
    assert second == View((0.08, 1.0), 0.0, ())
    x = tf.constant(images(N, SIDE))
    draws = draws_of(branch.view1, branch.view2)
    view1, view2 = colour.colour_views([x, x], draws, branch)
    np.testing.assert_allclose(view2, images(N, SIDE) / 255, atol=1e-6)
    assert (view1 == 0.5).numpy().any((1, 2, 3)).all()


@pytest.mark.parametrize(
    ("text", "view"),
    [
        ("crop, flip(prob=1), gray", ((0.08, 1.0), 1.0, ["gray"])),
        ("crop, gray, flip", ((0.08, 1.0), 0.0, ["gray", "flip"])),
        ("flip, flip", (None, 0.5, ["flip"])),
        ("crop(area=(0.5, 0.5))", ((0.5, 0.5), 0.0, [])),
        ((), (None, 0.0, [])),
    ],
)
def test_what_is_done_with_the_crop_and_what_after_it(text, view):
    found = View.of(Ops(text))
    steps = [op.name for op, _ in found.steps]
    assert (found.area, found.flip_prob, steps) == view


def test_a_flip_after_others_has_numbers_of_its_own():
    """And mirrors, as the one after the crop does."""
    operations = [Op("flip"), Op("sobel"), Op("flip")]
    draws = draws_of(operations)
    assert (draws["flip"] != draws["flip.2"]).numpy().all()
    x, steep = run(*operations), run(Op("sobel"))
    for i, draw in enumerate(draws["flip.2"].numpy()):
        expected = steep[i][:, ::-1] if draw < 0.5 else steep[i]
        np.testing.assert_allclose(x[i], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Op("cutuot"), "Did you mean cutout?"),
        (lambda: Op("cutout", siz=1), "takes prob, size, fill. Did you mean"),
        (lambda: Op("cutout", prob=1.5), r"must lie in \[0, 1\]"),
        (lambda: Op("crop", prob=0.5), "no setting 'prob'; it takes area"),
        (lambda: Op("crop", area=(0.5, 0.1)), "the smaller comes first"),
        (lambda: Op("crop", area=(0, 1)), "must lie in"),
        (lambda: Op("blur", sigma=1.0), "takes 2 numbers, got 1.0"),
        (lambda: Op("jitter", hue=-0.1), "hue is -0.1; it must lie in"),
        (lambda: Op("jitter", hue=float("nan")), "takes a number, got nan"),
        (lambda: Op("jitter", brightness_rule="mul"), "multiply, add"),
        (lambda: Op("noise", deviation="much"), "takes a number, got 'much'"),
        (lambda: Op("noise", deviation=True), "takes a number, got True"),
        (lambda: Ops("flip, crop"), "crop must be the first operation"),
        (lambda: Ops("crop, crop"), "crop must be the first operation"),
        (lambda: Ops("cutout(0.5)"), "is no list of operations"),
        (lambda: Ops("cutout(prob=x)"), "is no list of operations"),
        (lambda: Ops("flip; gray"), "is no list of operations"),
        (lambda: Ops("(crop, flip), gray"), "is no list of operations"),
        (lambda: Ops([3]), "3 is no operation"),
    ],
)
def test_bad_operations_are_one_line(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_an_operation_is_equal_to_its_like_and_reads_its_own_text():
    operations = Ops("crop(area=(0.2, 1)), jitter(hue=0), blur, flip")
    assert operations == Ops(repr(operations)) == Ops(map(repr, operations))
    assert hash(operations) == hash(Ops(repr(operations)))
    assert Op("flip") == Op("flip", prob=0.5) != Op("flip", prob=0.4)
    assert Op("noise", deviation=np.float32(0.5)) == Op("noise", deviation=0.5)


def levels(planes, draws, *, count):
    """NumPy's, which XLA does not compile."""
    steps = tf.numpy_function(
        lambda x, u: np.floor(x * count + u[:, None, None, None]) / count,
        [planes, draws["place"]],
        planes.dtype,
    )
    return tf.ensure_shape(tf.clip_by_value(steps, 0.0, 1.0), planes.shape)


@pytest.fixture
def hosts_own(monkeypatch):
    row = Operation(
        {"count": Strength(4, low=2, high=256)},
        draws={"place": Draw()},
        compiled=False,
    )
    monkeypatch.setitem(table.OPERATIONS, "levels", row)
    function = colour.operation.function
    monkeypatch.setattr(
        colour.operation,
        "function",
        lambda name: levels if name == "levels" else function(name),
    )
    return Op("levels", count=2)


def test_an_operation_of_the_host_alone(hosts_own):
    """It runs there, beside others, and a device refuses it."""
    draws = draws_of([hosts_own])
    assert "levels.place" in draws
    found = run(hosts_own, Op("gray"), form=colour.colour_one_by_one)
    np.testing.assert_array_equal(found, run(hosts_own, Op("gray")))
    assert set(np.unique(run(hosts_own))) == {0.0, 0.5, 1.0}
    for place, answer in (("auto", False), ("host", False)):
        augment = Augment(place=place, view1=(hosts_own,))
        assert colour.on_device(augment, accelerator=True) is answer
    augment = Augment(place="device", view2=(hosts_own,))
    with pytest.raises(ValueError, match="levels has no form for a device"):
        colour.on_device(augment, accelerator=False)
    with pytest.raises(ValueError, match=r"takes a whole number, got 0\.5"):
        Op("levels", count=0.5)


def test_where_the_work_is_done():
    places = {
        "auto": (False, True),
        "host": (False,) * 2,
        "device": (True,) * 2,
    }
    for place, answers in places.items():
        for accelerator, answer in enumerate(answers):
            augment = Augment(place=place)
            assert colour.on_device(augment, bool(accelerator)) is answer


def test_names_without_constants_have_their_own_numbers(monkeypatch):
    for name in ("posterize", "sharpen"):
        monkeypatch.setitem(
            table.OPERATIONS, name, Operation(draws={"amount": Draw()})
        )
    operations = [Op("posterize"), Op("sharpen"), Op("sharpen"), Op("cutout")]
    draws = draws_of(operations, count=1000)
    names = [n for n, x in draws.items() if x.shape == [1000]]
    assert {"posterize", "posterize.amount", "sharpen.amount.2"} <= set(names)
    x = np.stack([draws[n].numpy() for n in names])
    assert np.abs(np.corrcoef(x) - np.eye(len(x))).max() < 4.5 / np.sqrt(1000)
