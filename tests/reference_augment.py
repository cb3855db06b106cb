"""Slow, literal NumPy versions of the augmentation, for tests only."""

import colorsys
import itertools
import statistics

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


def cutout(x, row, column, size, fill):
    side = len(x)
    square = round(size * side)
    top, left = int(row * side) - square // 2, int(column * side) - square // 2
    x = x.copy()
    for i, j in itertools.product(range(square), repeat=2):
        if 0 <= top + i < side and 0 <= left + j < side:
            x[top + i, left + j] = fill
    return x


def sobel(x):
    kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    padded = np.pad(x, [(1, 1), (1, 1), (0, 0)], mode="edge")
    out = np.zeros(x.shape)
    for i, j, c in np.ndindex(x.shape):
        around = padded[i : i + 3, j : j + 3, c]
        across, down = (kernel * around).sum(), (kernel.T * around).sum()
        out[i, j, c] = min(np.hypot(across, down) / 4, 1)
    return out


def rotate(x, quarter_turns):
    return np.rot90(x, 1 + int(3 * quarter_turns))


def noise(x, seed, deviation):
    """Planes first, as the places of the pixels are counted."""
    out = np.transpose(x, [2, 0, 1]).copy()
    for place in range(out.size):
        bits = _mixed((place * 0x9E3779B9 + int(seed[0])) % 2**32)
        bits = _mixed(bits ^ (int(seed[1]) % 2**32))
        share = ((bits >> 9) + 0.5) / 2**23
        out.flat[place] += deviation * statistics.NormalDist().inv_cdf(share)
    return np.clip(np.transpose(out, [1, 2, 0]), 0, 1)


def _mixed(x):
    x = (x ^ x >> 16) * 0x7FEB352D % 2**32
    x = (x ^ x >> 15) * 0x846CA68B % 2**32
    return x ^ x >> 16
