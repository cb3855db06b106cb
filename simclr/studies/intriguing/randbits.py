"""RandBits: an easy feature that both views share drives out the others.

The published notebook's net, loss, optimizer and crops. Its numbers stand
below, for MNIST at batch 1,000 and 10 epochs.
"""

import functools

from simclr.config import (
    Augment,
    Config,
    Data,
    Loss,
    Model,
    Op,
    Optimizer,
    Train,
)
from simclr.pictures import series
from simclr.studies import verdicts
from simclr.studies.study import (
    DOCS,
    FEATURES,
    FULL,
    ONLINE,
    QUICK,
    Score,
    Study,
    Verdict,
    table,
)

BITS, TEMPERATURES = (0, 5, 10, 15, 20), (0.05, 0.1, 0.2)
_ACCURACIES = {
    0.05: (0.899, 0.706, 0.330, 0.143, 0.099),
    0.1: (0.892, 0.612, 0.187, 0.098, 0.103),
    0.2: (0.900, 0.330, 0.104, 0.100, 0.099),
}
PUBLISHED = {
    (bits, temperature): accuracy
    for temperature, accuracies in _ACCURACIES.items()
    for bits, accuracy in zip(BITS, accuracies)
}


_OTHERS = "published, MNIST"


def tolerance(published):
    """How far the seeds' mean may lie from a number; more on a steep curve."""
    return 0.06 if 0.15 <= published <= 0.8 else 0.03


def config(scale, images, temperature, bits, seed):
    """The notebook's run, Config; with --quick in smaller batches."""
    words = f"synthetic:randbits?bits={bits}&images="
    crop = (Op("crop", area=(0.5, 1.0)),)
    return Config(
        epochs=10.0,
        seed=seed,
        # Of 12,000 images nearly as many steps as of MNIST's.
        batch_size=250 if scale == QUICK else 1000,
        data=Data(
            source=words + images.digits,
            eval_source=words + images.test_digits,
            image_size=28,
        ),
        augment=Augment(view1=crop, view2=crop),
        model=Model(
            name="conv_n",
            extra_planes=bits,
            head_layers=2,
            head_hidden=256,
            head_dim=64,
            head_norm=False,
            head_init="glorot",
            joint_views=False,
        ),
        # The sum of two means, where ours is the mean.
        loss=Loss(name="info_nce", temperature=temperature, weight=2.0),
        optimizer=Optimizer(
            name="adam",
            base_lr=1e-3,
            lr_scaling="none",
            lr_decay="linear",
            weight_decay=2e-4,  # Keras's l2(1e-4) has no half in it.
            warmup_epochs=0.0,
        ),
        train=Train(eval_epochs=0.0, log_steps=50),
    )


def cells(scale, images, seeds):
    axes = {"temperature": TEMPERATURES, "bits": BITS, "seed": seeds}
    return table(axes, functools.partial(config, scale, images))


def scores(cell, images):
    """As published, by the probe that learns beside; and a fitted one."""
    del images
    data = cell.config.data
    return {"online": Score(ONLINE, data), "linear": Score(FEATURES, data)}


def draw(path, *, rows):
    """Our lines, and the published ones beside them."""
    published = [
        {"bits": bits, "temperature": temperature, _OTHERS: accuracy}
        for (bits, temperature), accuracy in PUBLISHED.items()
    ]
    series.draw(
        path,
        title="Random bits beside the image",
        subtitle="accuracy of the online probe (solid), of a fitted one, and "
        "the published one",
        rows=rows + published,
        x="bits",
        series=("temperature",),
        values=("online", "linear", _OTHERS),
    )


def verdict(rows):
    """At 20 bits a tenth of what it can is left; beside MNIST's numbers."""
    parts = []
    for temperature in TEMPERATURES:
        none, most = (
            verdicts.mean(rows, "online", bits=b, temperature=temperature)
            for b in (BITS[0], BITS[-1])
        )
        if none is None or most is None:
            parts.append(Verdict(None, f"T {temperature}: not run"))
            continue
        parts.append(
            Verdict(
                most < none / 2,
                f"T {temperature}: {verdicts.percent(none)} without bits, "
                f"{verdicts.percent(most)} with {BITS[-1]}",
            )
        )
    found = verdicts.all_of(*parts)
    return Verdict(found.appears, f"{found.words}; {near(rows)}")


def near(rows):
    """How many cells lie near the published ones, a few words."""
    means = {
        (bits, temperature): verdicts.mean(
            rows, "online", bits=bits, temperature=temperature
        )
        for bits, temperature in PUBLISHED
    }
    known = {place: mean for place, mean in means.items() if mean is not None}
    hits = sum(
        abs(mean - PUBLISHED[place]) <= tolerance(PUBLISHED[place])
        for place, mean in known.items()
    )
    return (
        f"{hits} of the {len(known)} cells lie within the tolerance of "
        "MNIST's published numbers"
    )


STUDY = Study(
    title="Random bits beside the image",
    paper="Chen, Luo, Li 2020, arXiv 2011.02803",
    figure="Figure 5a and its notebook",
    finding="a few random bits that both views share drive out what else is "
    "learnt; a larger temperature suffers more",
    cells=cells,
    scores=scores,
    draw=draw,
    verdict=verdict,
    published=lambda row: PUBLISHED.get((row["bits"], row["temperature"])),
    minutes={QUICK: 20, DOCS: 100, FULL: None},
    deviations="bits are a hash of the image's name, not of its bytes",
)
