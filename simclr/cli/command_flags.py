"""The flags of each command; their values are read in __main__.py alone.

Every function here defines flags in the absl FlagValues that it is given.
"""

from absl import flags

from simclr.cli.shared_flags import (
    define_device,
    define_eval_labels,
    define_init,
    define_label_fraction,
    define_run,
    define_training,
)


def pretrain(values):
    """Flags of `simclr pretrain`."""
    define_training(values, "")
    define_init(
        values,
        "Weights to start from: a run folder or a checkpoint. (Resuming needs "
        "no flag: it is the same command again.)",
    )


def finetune(values):
    """Flags of `simclr finetune`."""
    define_training(values, " Default: those of --init.")
    define_init(values, "The pretrained run, or import, to start from.")
    flags.DEFINE_boolean(
        "from_scratch",
        False,
        "Take the net of --init, but none of its weights: the supervised "
        "baseline.",
        flag_values=values,
    )
    define_label_fraction(values)


def distill(values):
    """Flags of `simclr distill`."""
    define_training(values, " Default: the teacher's.")
    flags.DEFINE_multi_string(
        "teacher",
        [],
        "A run of finetune or distill, or an import with a classifier; "
        "repeatable: several are averaged.",
        flag_values=values,
    )
    define_init(
        values, "Weights to start from, if any, such as the teacher's own."
    )


def pipeline(values):
    """Flags of `simclr pipeline`."""
    define_training(values, " Default: the recipe's.", with_recipe=False)
    define_label_fraction(values)
    flags.DEFINE_string(
        "pretrained",
        "",
        "A pretrained run, or import, in place of the recipe's first stage.",
        flag_values=values,
    )


def evaluate(values):
    """Flags of `simclr evaluate`."""
    flags.DEFINE_string(
        "data",
        "",
        "Labelled images to fit kNN and the probe on, or for a classifier to "
        "name; default: the run's.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "labels", "", "A labels.csv for --data.", flag_values=values
    )
    flags.DEFINE_string(
        "eval_data",
        "",
        "Labelled images to score; default: the run's held-out images.",
        flag_values=values,
    )
    define_eval_labels(values)
    flags.DEFINE_integer(
        "max_images",
        200_000,
        "Fit kNN and the probe on, and score, at most so many images; 0: all.",
        lower_bound=0,
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "baselines",
        True,
        "Also score raw pixels and the untrained encoder.",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "classifier",
        None,
        "Score the classifier (accuracy, confusion, calibration), not the "
        "encoder. Default: in runs of finetune and distill.",
        flag_values=values,
    )
    define_device(values)


def predict(values):
    """Flags of `simclr predict`."""
    flags.DEFINE_string(
        "out",
        "predictions.csv",
        "The file to write; older predictions are replaced, nothing else.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "top",
        1,
        "Name so many classes of an image, the likeliest first.",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "probabilities",
        False,
        "Also write the probability of every class, in a column p_CLASS each.",
        flag_values=values,
    )
    define_device(values)


def import_weights(values):
    """Flags of `simclr import`."""
    flags.DEFINE_string(
        "workdir",
        "",
        "The run folder to write. Default: runs/NAME after the checkpoint.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "check",
        "",
        "Folder of the SavedModel published with the checkpoint: run it beside "
        "the imported encoder and fail where they differ.",
        flag_values=values,
    )


def compile_step(values):
    """Flags of `simclr compile`."""
    flags.DEFINE_string(
        "config", "", "The recipe, configs/NAME.py.", flag_values=values
    )
    flags.DEFINE_list(
        "topology",
        "v5e-8",
        "The slice, by the name that it is rented under; or several: "
        "v5e-8,v3-8.",
        flag_values=values,
    )
    flags.DEFINE_multi_string(
        "set", [], "KEY=VALUE over the recipe; repeatable.", flag_values=values
    )
    flags.DEFINE_string(
        "data",
        "",
        "Images that the run would train on. Default: the recipe's.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "images",
        0,
        "How many images there are, where they are not at hand.",
        lower_bound=0,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "classes",
        None,
        "How many classes their labels name; 0: no labels.",
        lower_bound=0,
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "search",
        True,
        "Search for the largest batch that fits, too: some compilations more, "
        "up to their buffers.",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "code",
        True,
        "Compile to the end. --nocode: up to the buffers, in a fraction of the "
        "time and of the host's memory; the size of the program stays unknown.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "out",
        "",
        "Write the numbers to this JSON file too.",
        flag_values=values,
    )


def lower(values):
    """Flags of `simclr lower`."""
    define_run(
        values,
        " Default: the recipe's.",
        otherwise="--workdir holds a run, which goes on",
    )
    define_init(values, "Weights to start from: a run folder or a checkpoint.")
    flags.DEFINE_integer(
        "replicas",
        1,
        "Devices that will share a batch.",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "side",
        0,
        "Side of the stored images in pixels, larger ones are reduced; 0: up "
        "to one and a half times a view's.",
        lower_bound=0,
        flag_values=values,
    )


def doctor(values):
    """`simclr doctor` has no flags of its own."""
    del values


def check(values):
    """Flags of `simclr check`."""
    flags.DEFINE_string("labels", "", "A labels.csv.", flag_values=values)
    flags.DEFINE_string(
        "out", "", "Write the bad images to this CSV too.", flag_values=values
    )


def prepare(values):
    """Flags of `simclr prepare`."""
    flags.DEFINE_string("labels", "", "A labels.csv.", flag_values=values)
    flags.DEFINE_enum(
        "format",
        "arrayrecord",
        ["arrayrecord", "tfrecord"],
        "ArrayRecord reads at random; TFRecord is what others read.",
        flag_values=values,
    )
    flags.DEFINE_float(
        "shard_mb", 100.0, "Size of a shard, MB.", flag_values=values
    )
