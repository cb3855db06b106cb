"""The flags of each command; their values are read in __main__.py alone.

Every function here defines flags in the absl FlagValues that it is given.
"""

from absl import flags


def pretrain(values):
    """Flags of `simclr pretrain`."""
    _define_training(values, "")
    _define_init(
        values,
        "Weights to start from: a run folder or a checkpoint. (Resuming needs "
        "no flag: it is the same command again.)",
    )


def finetune(values):
    """Flags of `simclr finetune`."""
    _define_training(values, " Default: those of --init.")
    _define_init(values, "The pretrained run, or import, to start from.")
    flags.DEFINE_boolean(
        "from_scratch",
        False,
        "Take the net of --init, but none of its weights: the supervised "
        "baseline.",
        flag_values=values,
    )
    _define_label_fraction(values)


def distill(values):
    """Flags of `simclr distill`."""
    _define_training(values, " Default: the teacher's.")
    flags.DEFINE_multi_string(
        "teacher",
        [],
        "A run of finetune or distill, or an import with a classifier; "
        "repeatable: several are averaged.",
        flag_values=values,
    )
    _define_init(
        values, "Weights to start from, if any, such as the teacher's own."
    )


def pipeline(values):
    """Flags of `simclr pipeline`."""
    _define_training(values, " Default: the recipe's.", with_recipe=False)
    _define_label_fraction(values)
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
    _define_eval_labels(values)
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
    _define_device(values)


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
    _define_device(values)


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
    flags.DEFINE_string(
        "topology",
        "v5e-8",
        "The slice, by the name that it is rented under.",
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
        "Search for the largest batch that fits, too: some compilations more.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "out",
        "",
        "Write the numbers to this JSON file too.",
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


def _define_device(values):
    flags.DEFINE_enum(
        "strategy",
        "auto",
        ["auto", "tpu", "gpu", "cpu", "multiworker"],
        "Devices to use; auto takes the best that is there.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "replicas",
        0,
        "Number of GPUs, or of logical CPU replicas; 0: all GPUs, one CPU.",
        lower_bound=0,
        flag_values=values,
    )


def _define_eval_labels(values):
    flags.DEFINE_string(
        "eval_labels", "", "A labels.csv for --eval_data.", flag_values=values
    )


def _define_training(values, default_data, with_recipe=True):
    """Flags of every command that trains."""
    flags.DEFINE_string(
        "data",
        "",
        "Images to train on: a folder of photos, tfds:NAME, tfrecord:GLOB, "
        f"arrayrecord:GLOB or sample.{default_data}",
        flag_values=values,
    )
    flags.DEFINE_string(
        "labels", "", "A labels.csv (id,label), if any.", flag_values=values
    )
    flags.DEFINE_string(
        "eval_data",
        "",
        f"Held-out labelled images, if any.{default_data}",
        flag_values=values,
    )
    _define_eval_labels(values)
    if with_recipe:
        flags.DEFINE_string(
            "config",
            "",
            "A recipe, configs/NAME.py; without one a recipe is chosen from "
            "the images and the device.",
            flag_values=values,
        )
    flags.DEFINE_multi_string(
        "set", [], "KEY=VALUE over the recipe; repeatable.", flag_values=values
    )
    flags.DEFINE_string(
        "workdir",
        "",
        "The run folder; the same command goes on where it stopped. Default: "
        "runs/NAME after the recipe or the data.",
        flag_values=values,
    )
    flags.DEFINE_float(
        "max_hours",
        0.0,
        "Save and exit with status 75 after so many hours; 0: no limit.",
        lower_bound=0.0,
        flag_values=values,
    )
    flags.DEFINE_enum(
        "engine",
        "tensorflow",
        ["tensorflow", "pjrt"],
        "What runs the steps: tf.distribute, or jax's devices (needs "
        "simclr[aot]) for hardware that TensorFlow does not drive.",
        flag_values=values,
    )
    _define_device(values)


def _define_label_fraction(values):
    flags.DEFINE_float(
        "label_fraction",
        0.0,
        "Use this share of the labels, as many of each class, chosen by the "
        "seed and written to labels.csv in the run folder; 0: all.",
        flag_values=values,
    )


def _define_init(values, text):
    flags.DEFINE_string("init", "", text, flag_values=values)
