"""Slow, literal NumPy versions of the augmentation, for tests only."""

import colorsys
import itertools

import numpy as np


def colour(
    image,
    draws,
    *,
    brightness,
    contrast,
    saturation,
    hue,
    brightness_rule,
    jitter_prob,
    gray_prob,
    blur_prob,
    solarize_prob,
):
    """One float image [h, w, 3] with one image's draws, op after op."""

    def factor(name, strength):
        low, high = max(0, 1 - strength), 1 + strength
        return low + draws[name] * (high - low)

    def shift(name, strength):
        return strength * (2 * draws[name] - 1)

    def brighten(x):
        if brightness_rule == "add":
            return x + shift("brightness", brightness)
        return x * factor("brightness", brightness)

    operations = [
        brighten,
        lambda x: adjust_contrast(x, factor("contrast", contrast)),
        lambda x: adjust_saturation(x, factor("saturation", saturation)),
        lambda x: adjust_hue(x, shift("hue", hue)),
    ]
    x = np.asarray(image, np.float64)
    if draws["jitter"] < jitter_prob:
        for i in draws["order"]:
            x = np.clip(operations[i](x), 0, 1)
    if draws["gray"] < gray_prob:
        x = np.repeat(x @ [[0.2989], [0.587], [0.114]], 3, axis=2)
    if draws["blur"] < blur_prob:
        sigma = 0.1 + 1.9 * draws["sigma"]
        x = np.clip(gaussian_blur(x, sigma, len(x) // 10), 0, 1)
    if draws["solarize"] < solarize_prob:
        x = np.where(x >= 0.5, 1 - x, x)
    return x


def adjust_contrast(x, factor):
    mean = x.mean(axis=(0, 1))
    return (x - mean) * factor + mean


def adjust_saturation(x, factor):
    def change(pixel):
        h, s, v = colorsys.rgb_to_hsv(*pixel)
        return colorsys.hsv_to_rgb(h, min(s * factor, 1), v)

    return np.apply_along_axis(change, 2, x)


def adjust_hue(x, shift):
    def change(pixel):
        h, s, v = colorsys.rgb_to_hsv(*pixel)
        return colorsys.hsv_to_rgb((h + shift) % 1, s, v)

    return np.apply_along_axis(change, 2, x)


def gaussian_blur(x, sigma, kernel_size):
    radius = int(kernel_size / 2)
    offsets = range(-radius, radius + 1)
    weight = {i: np.exp(-(i**2) / (2 * sigma**2)) for i in offsets}
    total = sum(weight.values())
    height, width = x.shape[:2]
    out = np.zeros(x.shape)
    for row, column in itertools.product(range(height), range(width)):
        for i, j in itertools.product(offsets, offsets):
            if 0 <= row + i < height and 0 <= column + j < width:
                share = weight[i] * weight[j] / total**2
                out[row, column] += share * x[row + i, column + j]
    return out
