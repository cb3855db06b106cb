"""What `simclr compile` tells: memory, a roofline, the largest batch."""

import dataclasses
import json

from simclr import config as config_lib
from simclr.commands.train import train_data
from simclr.config import Config
from simclr.config.rules import check_on_tpu
from simclr.data.sources.registry import open_source
from simclr.engines import startup
from simclr.messages.counts import counted
from simclr.messages.errors import InputError
from simclr.messages.say import say
from simclr.models import backbones
from simclr.storage.whole import write_whole
from simclr.tpu import (
    buffers,
    compiler,
    feeding,
    largest_batch,
    roofline,
    slices,
)
from simclr.tpu.slices import GIB

# Images and classes of sets that the recipes name and few have at hand.
_KNOWN = {
    "tfds:imagenet2012/train": (1_281_167, 1000),
    "tfds:imagenet2012_subset/1pct/train": (12_811, 1000),
    "tfds:imagenet2012_subset/10pct/train": (128_116, 1000),
    "tfds:cifar10/train": (50_000, 10),
}


def tell(
    recipe,
    topology,
    *,
    overrides,
    data,
    images,
    classes,
    search,
    code,
    out,
):
    """Says what a recipe needs of each slice.

    Args:
        recipe: Config, or path of a recipe.
        topology: names of slices.
        overrides: KEY=VALUE over the recipe.
        data, images, classes, search, code, out: see `simclr compile --help`.

    Returns:
        list of dict, a slice's numbers each.

    Raises:
        InputError: see compile_step.
    """
    compiler.require()
    chosen = [slices.get(name) for name in topology]
    given = isinstance(recipe, Config)
    config = recipe if given else config_lib.read(recipe)
    recipe = "the Config" if given else recipe
    config = config_lib.override(config, overrides)
    check_on_tpu(config.train.precision)
    images, classes = _size_of_data(
        train_data.with_data(config.data, source=data), images, classes
    )
    say(
        f"Recipe    {recipe} ({backbones.describe(config.model)}, "
        f"{config.data.image_size} pixels, batch {config.batch_size:,}, "
        f"{config.train.precision}), {counted(images, 'image')}"
    )
    startup.start_tensorflow()
    from simclr.commands.tools.compiled_step import StepCompiler

    step = StepCompiler(config, images=images, classes=classes, say=say)
    facts = [
        {"recipe": recipe, "overrides": list(overrides)}
        | _on_slice(slice_, config, images, step, search=search, code=code)
        for slice_ in chosen
    ]
    if out:
        _write(out, facts)
    return facts


def _on_slice(slice_, config, images, step, *, search, code):
    """Says what the recipe needs of a slice; the same as a dict."""
    device = slice_.device
    kind = "chip" if device.per_chip == 1 else "core"
    say(
        f"Slice     {slice_.name}: "
        f"{counted(slice_.replicas, 'replica')}; a {kind} has "
        f"{device.hbm / GIB:g} GiB at {device.bandwidth / 1e9:,.0f} GB/s and "
        f"{device.flops / 1e12:g} TFLOP/s in bfloat16"
    )
    answer = step.look(
        slice_, config.batch_size, config.train.microbatch, code=code
    )
    facts = {
        "topology": slice_.name,
        "batch_size": config.batch_size,
        "needed_gib": answer.needed / GIB,
        "fits": answer.compiled is not None,
    }
    if answer.compiled is None:
        say(
            f"Memory    {answer.needed / GIB:.2f} GiB of {device.hbm / GIB:g} "
            f"a {kind}: does not fit"
        )
    else:
        facts |= _describe(answer, slice_, config, kind)
    if search:
        facts["largest_batch"] = _largest(
            config, slice_, images, step, answer, kind
        )
    return facts


def _describe(answer, slice_, config, kind):
    """Says what the compiler found; the same as a dict."""
    compiled, total_steps = answer.compiled, answer.total_steps
    line = roofline.estimate(compiled, slice_)
    count = sum(count for count, _ in compiled.collectives.values())
    traffic = sum(size for _, size in compiled.collectives.values())
    seconds = line.step * total_steps
    speed = config.batch_size / line.step
    program_size = f"{compiled.code / GIB:.2f}" if compiled.code else "unknown"
    say(
        f"Memory    {compiled.memory / GIB:.2f} GiB of "
        f"{slice_.device.hbm / GIB:g} a {kind}: fits (weights, optimizer and "
        f"batch {compiled.state / GIB:.2f}, activations "
        f"{compiled.temporary / GIB:.2f}, program {program_size})"
    )
    say(
        f"A step    {compiled.flops / 1e12:.3g} TFLOP and "
        f"{compiled.bytes_accessed / 1e9:.3g} GB of memory traffic a {kind}; "
        f"{count} collectives of {traffic / 1e6:.1f} MB"
    )
    say(
        f"Roofline  {1e3 * line.compute:.3g} ms of compute, "
        f"{1e3 * line.memory:.3g} of memory, {1e3 * line.network:.3g} of "
        f"network: at best {1e3 * line.step:.3g} ms, {speed:,.0f} images/s"
    )
    fed = _feeding(speed, slice_, config.data.image_size)
    say(
        f"The run   {counted(config.epochs, 'epoch')}, "
        f"{counted(total_steps, 'step')}: at best "
        f"{seconds / 3600:.3g} hours, {seconds / 3600 * slice_.chips:.3g} "
        "chip-hours"
    )
    return {
        **dataclasses.asdict(compiled),
        "roofline": {**dataclasses.asdict(line), "step": line.step},
        "bound": line.bound,
        "images_per_second": speed,
        "feeding": dataclasses.asdict(fed),
        "hours": seconds / 3600,
        "chip_hours": seconds / 3600 * slice_.chips,
    }


def _feeding(speed, slice_, image_size):
    """Says what of a bound is reached, and what it asks of the hosts.

    Returns:
        feeding.Feeding.
    """
    (low, high), (slow, fast) = feeding.WELL_FED, feeding.PUBLISHED
    say(
        f"Reached   of such a bound, by well-fed nets {low:g} to {high:g}, "
        f"here {low * speed:,.0f} to {high * speed:,.0f} images/s; by "
        f"published SimCLR {slow:g} to {fast:g}"
    )
    path = feeding.host_path(image_size)
    fed = feeding.estimate(feeding.machine(slice_), speed, path)
    files = fed.megabytes_per_second
    say(
        f"Feeding   {path.words}: {fed.vcpus:,} of the hosts' {fed.has:,} vCPUs"
        f" ({path.per_vcpu:,.0f} images/s each, measured)"
        + (f" and {files:,.0f} MB/s of files" if files else "")
        + ("" if fed.enough else ": more than they have")
    )
    return fed


def _largest(config, slice_, images, step, answer, kind):
    """Says and returns the largest batch that fits; 0: none."""
    replicas = slice_.replicas
    first = config.batch_size // replicas
    unit = max(1, config.train.microbatch // replicas)
    limit = slice_.device.hbm - buffers.RESERVED

    def look(batch_size, microbatch):
        return step.look(slice_, batch_size, microbatch, code=False)

    def memory_of(rows):
        if rows != first:
            return look(rows * replicas, config.train.microbatch).needed
        # Compiled to the end it needs no reserve.
        return min(answer.needed, limit) if answer.compiled else answer.needed

    fits, too_many = largest_batch.search(
        memory_of,
        first,
        limit=limit,
        unit=unit,
        at_most=images // replicas if config.task == "pretrain" else None,
    )
    batch = fits * replicas
    if not batch:
        say(f"Largest   no batch fits into a {kind}'s memory")
        return 0
    ending = (
        f"; {too_many * replicas:,} do not" if too_many else ", all that may be"
    )
    say(f"Largest   a batch of {batch:,} fits{ending}")
    if config.batch_size > batch and config.task == "pretrain":
        at_a_time = _microbatch(config, batch, replicas, look)
        say(
            f"          a batch of {config.batch_size:,} fits by gradient "
            f"caching: --set train.microbatch={at_a_time}"
            if at_a_time
            else f"          nor does a batch of {config.batch_size:,} by "
            "gradient caching"
        )
    return batch


def _microbatch(config, most, replicas, look):
    """The first microbatch that fits, from `most` images down; 0: none does.

    It needs more than a batch of its size, which has no projections to keep.
    """
    at_a_time = most
    while at_a_time >= replicas:
        if config.batch_size % at_a_time or at_a_time % replicas:
            at_a_time -= 1
        elif look(config.batch_size, at_a_time).compiled:
            return at_a_time
        else:
            at_a_time //= 2
    return 0


def _size_of_data(data, images, classes):
    """Images of an epoch and classes among their labels."""
    known = _KNOWN.get(data.source)
    if known is None and not (images and classes is not None):
        try:
            source = open_source(data.source, labels=data.labels)
        except (ValueError, OSError) as error:
            raise InputError(
                f"{data.source} is not at hand ({error}); say --images=NUMBER "
                "and --classes=NUMBER (0: no labels)."
            ) from error
        known = len(source), len(source.class_names or ())
    return (
        images or known[0],
        known[1] if classes is None else classes,
    )


def _write(path, facts):
    write_whole(path, json.dumps(facts, indent=2))
