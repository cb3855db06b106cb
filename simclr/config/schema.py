"""What an experiment is: frozen dataclasses and their defaults.

Times end in their unit; `batch_size` is the global batch.
"""

import dataclasses

from simclr.config.values import Typed
from simclr.data.views.op import Op, Ops, View


@dataclasses.dataclass(frozen=True)
class Data(Typed, prefix="data."):
    """Which images; data/sources/registry.py has the spelling."""

    source: str = "sample/train"
    labels: str = ""  # A labels.csv (id,label); empty: the source's own labels.
    eval_source: str = ""  # Held-out labelled images; empty: a split of source.
    eval_labels: str = ""  # A labels.csv for eval_source.
    image_size: int = 32  # Side of a view in training, pixels.
    eval_image_size: int = 0  # Side in evaluation; 0: as in training.
    max_bad_share: float = 0.01  # Over this share of unreadable images: stop.
    # Where they lie: on the "host", which decodes and crops in every epoch; all
    # of them on the "device", decoded, where the step cuts the views; or
    # "auto": on accelerators that have room, if none has to be reduced.
    place: str = "auto"
    device_share: float = 0.25  # Of a device's memory, at most, for "auto".
    # Side of the images on a device, pixels; larger ones are reduced. 0: the
    # largest's, up to one and a half times a view's.
    stored_size: int = 0


@dataclasses.dataclass(frozen=True)
class Augment(Typed, prefix="augment."):
    """Two views of an image; defaults: SimCLR's for ImageNet (Appendix A).

    The published operations in the published order, by their strengths; or any
    others in any order, by a list for each view.
    """

    # What comes after crop and flip: on the "host", the "device" or "auto".
    place: str = "auto"
    # The operations of a view (simclr/data/views/table.py), such as "crop,
    # flip, cutout(prob=0.5)"; None: those that the strengths below say.
    view1: Ops | None = None
    view2: Ops | None = None
    crop_area: tuple[float, float] = (0.08, 1.0)  # Share of the image's area.
    color_strength: float = 1.0  # Multiplies the four jitters.
    brightness: float = 0.8
    contrast: float = 0.8
    saturation: float = 0.8
    hue: float = 0.2
    brightness_rule: str = "multiply"  # SimCLRv2's; "add" is SimCLR v1's.
    jitter_prob: float = 0.8
    gray_prob: float = 0.2
    blur_probs: tuple[float, float] = (0.5, 0.5)  # View 1, view 2.
    solarize_probs: tuple[float, float] = (0.0, 0.0)  # View 1, view 2.

    @property
    def views(self):
        """tuple of 2 op.View, whichever way they are said."""
        return tuple(
            View.of(self._published(i) if given is None else given)
            for i, given in enumerate((self.view1, self.view2))
        )

    def _published(self, view):
        """The operations of a view by the strengths."""
        return (
            Op("crop", area=self.crop_area),
            Op("flip"),
            Op(
                "jitter",
                prob=self.jitter_prob,
                brightness=self.color_strength * self.brightness,
                contrast=self.color_strength * self.contrast,
                saturation=self.color_strength * self.saturation,
                hue=self.color_strength * self.hue,
                brightness_rule=self.brightness_rule,
            ),
            Op("gray", prob=self.gray_prob),
            Op("blur", prob=self.blur_probs[view]),
            Op("solarize", prob=self.solarize_probs[view]),
        )


@dataclasses.dataclass(frozen=True)
class Model(Typed, prefix="model."):
    """Encoder f and projection head g."""

    name: str = "resnet"  # simclr/models/backbones.py has the names.
    # Of ResNets, as are the next: 10, 18, 34, 50, 101, 152 or 200 layers.
    depth: int = 18
    width: float = 1.0  # Multiplies every number of channels.
    # Of the pixels, as the weights were trained: a name of
    # simclr/models/normalizations.py; "auto": the backbone's own.
    normalization: str = "auto"
    # "cifar" (small images), "imagenet", or "auto": cifar up to 64 pixels. All
    # convolutional nets have it; "half" (a stride of 2 and no pool) and
    # "torchvision" are a ResNet's.
    stem: str = "auto"
    # A ResNet's projection shortcuts: one in the first block of "every_group",
    # as SimCLR has it, or "where_needed", as torchvision.
    shortcut: str = "every_group"
    stride_kernel: int = 3  # Of a bottleneck: 3, or 1 (keras.applications).
    sk_ratio: float = 0.0  # Above 0: selective kernels; published: 0.0625.
    se_ratio: float = 0.0  # Above 0: squeeze and excitation.
    extra_planes: int = 0  # Channels beside the colours (Source.num_planes).
    # Of MobileNets and EfficientNets: padding of convolutions that stride,
    # "same" (TensorFlow's) or "symmetric" (PyTorch's), and batch norm's
    # epsilon, 0: 1e-3.
    padding: str = "same"
    norm_epsilon: float = 0.0
    # Of vision transformers: side of a patch, pixels, 4 to 16; 0: the largest
    # of 16, 8 and 4 that makes 7 patches or more in a row.
    patch: int = 0
    freeze_patch: bool = True  # The patch projection stays random (MoCo v3).
    heads: int = 0  # Of attention; 0: 12, MoCo v3's; ViT-S elsewhere: 6.
    # Positions: 0: sines and cosines; n: learned, on n x n patches, resized to
    # other images.
    position_grid: int = 0
    layer_scale: bool = False  # Whether branches are scaled (DINOv2).
    head_layers: int = 3  # 2 is SimCLR v1's, 3 SimCLRv2's, 1 linear, 0 none.
    head_hidden: int = 0  # Width of the hidden layers; 0: as the features.
    head_dim: int = 128  # d, length of a projection z.
    head_norm: bool = True  # Batch norm after the last layer; not in Barlow's.
    head_hidden_norm: bool = True  # Batch norm after the layers before it.
    head_init: str = "normal"  # Of its kernels and the probe's; or "glorot".
    # Batch norm's statistics are of both views; False: each view's own, as in
    # Barlow Twins.
    joint_views: bool = True


@dataclasses.dataclass(frozen=True)
class Start(Typed, prefix="start."):
    """How pretraining that starts from weights (init) keeps what they know."""

    head_epochs: float = 0.0  # At first the heads learn alone.
    # "none", or the last part of the backbone that stays as it is, batch norm
    # included; the names are those of classifier.freeze.
    freeze: str = "none"
    # The encoder's batch norm normalizes by the statistics that it came with.
    freeze_norm: bool = False
    # Weight of the mean of 1 - cosine of a view's features and those that the
    # start gives it.
    anchor: float = 0.0


@dataclasses.dataclass(frozen=True)
class Classifier(Typed, prefix="classifier."):
    """What finetune and distill put on the encoder, and what they train."""

    # Layer of the projection head that the classifier takes: 0 is the encoder's
    # output h, 1 the first hidden layer (the paper's for few labels), ...
    from_layer: int = 0
    # "none", or the last part that stays as it is, batch norm included: one of
    # the backbone's (a ResNet's "stem", "group1" to "group4", which is the
    # whole encoder), or "head" (all but the classifier).
    freeze: str = "none"
    zero_init: bool = False  # Its kernel starts at 0, not N(0, 0.01).


@dataclasses.dataclass(frozen=True)
class Distill(Typed, prefix="distill."):
    """Whom a student learns from, and how."""

    teachers: tuple[str, ...] = ()  # Runs; several are averaged.
    temperature: float = 1.0
    alpha: float = 1.0  # 1: the teachers' probabilities alone, 0: labels alone.
    # Teachers see each image once, its centre and that mirrored, not every view
    # of the student.
    cache: bool = False


@dataclasses.dataclass(frozen=True)
class DistillEncoder(Typed, prefix="distill_encoder."):
    """Whose features a student learns without labels, and how."""

    # A run, an import, or a frozen encoder in a file (.keras, .onnx, or the
    # folder of a SavedModel).
    teacher: str = ""
    preprocessing: str = ""  # Of pixels for a file (docs/frozen_encoders.md).
    teacher_size: int = 0  # Side of what it sees, pixels; 0: its own.
    # "similarities" to the teacher's features of other images (SEED), or the
    # "features" themselves, by their cosine.
    target: str = "similarities"
    queue: int = 8192  # Images compared with; a set of fewer: all of them.
    dims: int = 256  # Principal components of the teacher's features.
    temperature: float = 0.1  # Of the student's similarities, or features.
    teacher_temperature: float = 0.05
    mirror: bool = True  # The teacher also sees each image mirrored.
    contrast: float = 0.0  # Weight of the objective of pretraining beside it.


@dataclasses.dataclass(frozen=True)
class Loss(Typed, prefix="loss."):
    """The objective."""

    name: str = "nt_xent"  # simclr/losses/objectives.py has the names.
    temperature: float = 0.1
    normalize: bool = True  # Of NT-Xent: similarities are cosines.
    # Lambda of Barlow Twins and of the generalized losses; None: as published.
    trade_off: float | None = None
    # Barlow Twins' projections: each dimension over the "images"; before that
    # each image's over the "features"; or "none".
    scaled: str = "images"
    # VICReg's lambda, mu, nu: of invariance, variance and covariance.
    coefficients: tuple[float, float, float] = (25.0, 25.0, 1.0)
    # Rows of NT-Xent's logits held at a time; 0: all; None: what is faster.
    block: int | None = None
    weight: float = 1.0  # The published code's loss is 2x the paper's mean.


@dataclasses.dataclass(frozen=True)
class Negatives(Typed, prefix="negatives."):
    """Negatives kept from batches gone by, in pretraining (SimCLRv2, MoCo)."""

    size: int = 0  # Projections kept; 0: none; published: 65536.
    # Of the momentum encoder's moving average. The two differ: a cosine leads
    # from the first to the last (BYOL: 0.996 to 1); equal: constant.
    momentum: float = 0.999
    final_momentum: float = 0.999


@dataclasses.dataclass(frozen=True)
class Optimizer(Typed, prefix="optimizer."):
    """Update rule and learning-rate schedule (warm-up, then decay)."""

    name: str = "lars"  # Or "sgd" (Nesterov), "adam", "adamw", "muon".
    lars_variant: str = "classic"  # SimCLR's; or "popular", "barlow".
    lars_nesterov: bool = False
    base_lr: float = 0.3  # Scaled by the batch size, see lr_scaling.
    lr_scaling: str = "linear"  # "linear": x B/256, "sqrt": x sqrt(B), "none".
    momentum: float = 0.9
    weight_decay: float = 1e-6
    warmup_epochs: float = 10.0
    lr_decay: str = "cosine"  # From the warm-up to the end; or "linear".
    final_lr_share: float = 0.0  # Where the decay ends, of the peak.
    # LARS, Muon: learning rate of biases and batch norm, times the others'.
    bias_lr_factor: float = 1.0
    # Learning rate of a part of the backbone, times that of the part above it;
    # the heads have the whole one.
    layer_decay: float = 1.0


@dataclasses.dataclass(frozen=True)
class Train(Typed, prefix="train."):
    """How the loop runs."""

    # "float32", "mixed_bfloat16", "mixed_float16" (GPUs before Ampere: the loss
    # is scaled), or "float64" in tests.
    precision: str = "float32"
    # Images that pass the nets at a time, in pretraining; the gradient is that
    # of batch_size all the same (gradient caching). 0: all at once.
    microbatch: int = 0
    log_steps: int = 20  # One row of metrics, and one device call, per this.
    checkpoint_epochs: float = 1.0
    keep_checkpoints: int = 3
    eval_epochs: float = 5.0  # Health, and kNN where labels exist; 0: never.
    eval_images: int = 5000  # At most so many in evaluations while training.
    probe: bool = True  # Online linear probe on stop_gradient(h) with labels.


@dataclasses.dataclass(frozen=True)
class Config(Typed):
    """One experiment."""

    epochs: float = 100.0
    batch_size: int = 256  # Global.
    seed: int = 0
    # What to train: or "finetune", "distill", "distill_encoder".
    task: str = "pretrain"
    # Weights to start from: a run folder, a checkpoint, a file that others
    # published, or "imagenet" (docs/pretrained.md).
    init: str = ""
    data: Data = Data()
    augment: Augment = Augment()
    model: Model = Model()
    start: Start = Start()
    loss: Loss = Loss()
    negatives: Negatives = Negatives()
    classifier: Classifier = Classifier()
    distill: Distill = Distill()
    distill_encoder: DistillEncoder = DistillEncoder()
    optimizer: Optimizer = Optimizer()
    train: Train = Train()

    @property
    def classifies(self):
        """Whether what is trained names classes; else it is an encoder."""
        return self.task in ("finetune", "distill")

    @property
    def origins(self):
        """Whose weights it begins with or learns from, a list of paths."""
        teachers = {
            "distill": self.distill.teachers,
            "distill_encoder": (self.distill_encoder.teacher,),
        }
        return [x for x in (self.init, *teachers.get(self.task, ())) if x]
