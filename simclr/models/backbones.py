"""The nets of a config, weights fresh."""

import keras

from simclr.models import heads
from simclr.models.resnet import resnet


def build_encoder(config):
    """The encoder f of a config."""
    stem = config.model.stem
    if stem == "auto":
        stem = "cifar" if config.data.image_size <= 64 else "imagenet"
    model = config.model
    return resnet(
        depth=model.depth,
        width=model.width,
        stem=stem,
        sk_ratio=model.sk_ratio,
        se_ratio=model.se_ratio,
        normalization=model.normalization,
    )


def build_head(config, features):
    """The projection head g of a config on `features` features."""
    model = config.model
    return heads.projection_head(
        features,
        model.head_dim,
        model.head_layers,
        hidden_dim=model.head_hidden,
        last_norm=model.head_norm,
    )


def build_head_up_to(config, features, layer):
    """The projection head's first `layer` layers.

    Args:
        config: the Config.
        features: f, what comes in.
        layer: 1 for the first hidden layer, ...; model.head_layers for z.

    Returns:
        keras.Model from [n, f] to the layer's output; its variables are named
        as those of the whole head.
    """
    head = build_head(config, features)
    end = "z" if layer == config.model.head_layers else f"layer{layer}"
    return keras.Model(head.input, head.output[end], name="head")
