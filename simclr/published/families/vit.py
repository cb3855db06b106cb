"""Names of vision transformers: DINO, DINOv2, timm, torchvision."""

import functools
import math
import re

import numpy as np

from simclr.messages.errors import InputError
from simclr.published.families.family import TORCH, Family, Piece

_NETS = {384: "vit_small", 768: "vit_base"}
_LAYER = re.compile(r"block(\d+)_(\w+)")
_HEADS = {384: 6, 768: 12}  # 64 dimensions each, except for MoCo v3's ViT-S.
_SHARES = ("query", "key", "value")


def _model(patch_kernel, position, *, scaled):
    """Fields of config.Model by the shapes of two weights, in our layout."""
    (patch, _, _, dim), count = patch_kernel, position[1] - 1
    grid = math.isqrt(count)
    if dim not in _NETS:
        raise InputError(
            f"It is a vision transformer of {dim} dimensions; ViT-S (384) and "
            "ViT-B (768) fit."
        )
    if grid**2 != count:
        raise InputError(
            f"Its position embedding has {position[1]} places; one of a square "
            "of patches and a class token fits."
        )
    return {
        "name": _NETS[dim],
        "patch": patch,
        "freeze_patch": False,
        "heads": _HEADS[dim],
        "position_grid": grid,
        "layer_scale": scaled,
        "normalization": "imagenet",
    }


def _timm_model(shapes):
    if not {"patch_embed.proj.weight", "pos_embed"} <= set(shapes):
        return None
    if {"reg_token", "register_tokens"} & set(shapes):
        raise InputError(
            "It is a vision transformer with register tokens; those without "
            "fit (DINOv2's dinov2_vits14_pretrain.pth, not ..._reg4_...)."
        )
    return _model(
        shapes["patch_embed.proj.weight"],
        shapes["pos_embed"],
        scaled="blocks.0.ls1.gamma" in shapes,
    )


def _torchvision_model(shapes):
    if "encoder.pos_embedding" not in shapes:
        return None
    positions = shapes["encoder.pos_embedding"]
    return _model(shapes["conv_proj.weight"], positions, scaled=False)


def _third(i, array):
    """Number i of three arrays that lie beside each other."""
    return np.split(array, 3, axis=-1)[i]


def _pieces(outer, block, roles, joint):
    """`Family.pieces`.

    Args:
        outer: dict of our path -> their name, outside of the blocks.
        block: what a block's names begin with, with a {} for its number.
        roles: dict of our layer in a block -> theirs.
        joint: between "qkv" and a variable's name.
    """

    def pieces(paths):
        found = {}
        for path in paths:
            if path in outer:
                found[path] = Piece((outer[path],))
                continue
            layer, _, variable = path.rpartition("/")
            number, role = _LAYER.fullmatch(layer).groups()
            at = block.format(int(number) - 1)
            theirs = {**TORCH, "scale": "gamma"}[variable]
            if role in _SHARES:
                name = f"{at}{roles['qkv']}{joint}{theirs}"
                take = functools.partial(_third, _SHARES.index(role))
                found[path] = Piece((name,), take)
            else:
                found[path] = Piece((f"{at}{roles[role]}.{theirs}",))
        return found

    return pieces


_LAST = {"dense1": "mlp.fc1", "dense2": "mlp.fc2"}

FAMILIES = (
    Family(
        library="DINO, DINOv2 or timm",
        style="torch",
        recognise=_timm_model,
        pieces=_pieces(
            {
                "stem_patch/kernel": "patch_embed.proj.weight",
                "stem_patch/bias": "patch_embed.proj.bias",
                "stem_tokens/class_token": "cls_token",
                "stem_tokens/position_embedding": "pos_embed",
                "final_norm/gamma": "norm.weight",
                "final_norm/beta": "norm.bias",
            },
            "blocks.{}.",
            {
                "norm1": "norm1",
                "qkv": "attn.qkv",
                "projection": "attn.proj",
                "scale1": "ls1",
                "norm2": "norm2",
                **_LAST,
                "scale2": "ls2",
            },
            ".",
        ),
        left={
            r"mask_token": "mask token",
            r"head\b|head_dist\b|pre_logits\b": "head",
        },
        note=(
            "some of timm's ViTs have model.normalization=inception, and MoCo "
            "v3's ViT-S model.heads=12: neither names nor shapes tell"
        ),
    ),
    Family(
        library="torchvision",
        style="torch",
        recognise=_torchvision_model,
        pieces=_pieces(
            {
                "stem_patch/kernel": "conv_proj.weight",
                "stem_patch/bias": "conv_proj.bias",
                "stem_tokens/class_token": "class_token",
                "stem_tokens/position_embedding": "encoder.pos_embedding",
                "final_norm/gamma": "encoder.ln.weight",
                "final_norm/beta": "encoder.ln.bias",
            },
            "encoder.layers.encoder_layer_{}.",
            {
                "norm1": "ln_1",
                "qkv": "self_attention.in_proj",
                "projection": "self_attention.out_proj",
                "norm2": "ln_2",
                "dense1": "mlp.0",
                "dense2": "mlp.3",
            },
            "_",
        ),
        left={r"heads\.": "classifier"},
    ),
)
