"""Flags that several commands have; see command_flags.py."""

from absl import flags


def define_device(values):
    """What a command runs on."""
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


def define_eval_labels(values):
    """Labels of the held-out images."""
    flags.DEFINE_string(
        "eval_labels", "", "A labels.csv for --eval_data.", flag_values=values
    )


def define_run(
    values,
    default_data,
    with_recipe=True,
    otherwise="a recipe is chosen from the images and the device",
):
    """Flags that say what a run is; `otherwise`: what is without a recipe."""
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
    define_eval_labels(values)
    if with_recipe:
        flags.DEFINE_string(
            "config",
            "",
            f"A recipe, configs/NAME.py; without one {otherwise}.",
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


def define_training(values, default_data, with_recipe=True):
    """Flags of every command that trains."""
    define_run(values, default_data, with_recipe)
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
    define_device(values)


def define_label_fraction(values):
    """How many labels to use."""
    flags.DEFINE_float(
        "label_fraction",
        0.0,
        "Use this share of the labels, as many of each class, chosen by the "
        "seed and written to labels.csv in the run folder; 0: all.",
        flag_values=values,
    )


def define_init(values, text):
    """Weights to start from; `text` is its help."""
    flags.DEFINE_string("init", "", text, flag_values=values)
