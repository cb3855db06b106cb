"""Any encoder in a file as a function of images, run as it is.

What a file holds is run here and nowhere else, and only for those commands
that were told to: --teacher, --baseline.

Letters: n images, s side of an image, f features.
"""

import numpy as np

from simclr.frozen import files, first_batch, outputs
from simclr.frozen.intake import intake_of
from simclr.frozen.preprocessing import BYTES, PIXELS, read_preprocessing
from simclr.messages.errors import InputError
from simclr.messages.say import say

_PROBES = 2  # Random images that an encoder is tried on when it is opened.
# What a net may have been trained on, where the features make one doubt.
_OTHERS = ("imagenet", "none", "inception", BYTES)


def open_encoder(path, preprocessing=""):
    """Opens a frozen encoder, and tries it on two random images.

    Args:
        path: a .keras or .onnx file, or a SavedModel's folder.
        preprocessing: how it takes its images, "imagenet, size=224,
            output=image_embeds" (preprocessing.py). What is said here goes
            before what a file beside the encoder says.

    Returns:
        FrozenEncoder.

    Raises:
        InputError: it is missing, damaged, needs Python code of others, is no
            encoder of images, or the preprocessing does not fit; onnxruntime
            is missing.
    """
    kind = files.require(path)
    said = read_preprocessing(path, preprocessing)
    return FrozenEncoder(path, kind, _open(kind, path), said)


def _open(kind, path):
    """The Net of a file; each library is imported where it is needed."""
    if kind == files.KERAS:
        from simclr.frozen.keras_file import open_keras

        return open_keras(path)
    if kind == files.SAVED_MODEL:
        from simclr.frozen.saved_model import open_saved_model

        return open_saved_model(path)
    from simclr.frozen.onnx_file import open_onnx

    return open_onnx(path)


class FrozenEncoder:
    """A function of images [n, s, s, 3] to features [n, f].

    Attributes:
        name: str, of the file or folder.
        kind: files.KERAS, SAVED_MODEL or ONNX.
        image_size: s, side of the images that evaluation is to show it.
        any_size: whether it takes other sides, too.
        num_features: f.
        digest: str, a hash of the file's bytes and of all that is said of its
            images: what caches of its features are keyed by.
        words: str, a line for people: what it is, and what was taken for
            granted.

    Args:
        path: of the file or folder.
        kind: as above.
        net: net.Net.
        said: Preprocessing.

    Raises:
        InputError: as `open_encoder`.
    """

    def __init__(self, path, kind, net, said):
        self.name, self.kind = files.name_of(path), kind
        self._net, self._checked = net, False
        try:
            self._intake = intake_of(net, said)
            self.image_size = self._intake.image_size
            self.any_size = self._intake.any_size
            found = self._run(_noise(self.image_size))
            self._features = outputs.choose(
                found,
                _PROBES,
                layout=self._intake.layout,
                output=said.output,
                pool=said.pool,
            )
        except InputError as error:
            raise self._named(error) from error.__cause__
        self.num_features = self._features.of(found).shape[1]
        self.digest = files.digest(
            path, self._intake.identity, self._features.identity
        )
        self.words = (
            f"{self.name} ({kind}): {self.num_features:,} features, "
            f"{self._features.words}; {self._intake.words}"
        )

    def __call__(self, images):
        """Features of images.

        Args:
            images: float32 [n, s, s, 3] in [0, 1], RGB. Nets of any side take
                other sides than `image_size`, too.

        Returns:
            float32 [n, f] array.

        Raises:
            InputError: images that it does not take; features that are not
                finite, the same for all images, or that depend on the batch.
        """
        images = np.asarray(images, np.float32)
        try:
            self._intake.require(images)
            h = self._features.of(self._run(images))
            _require_finite(images, h)
            if not self._checked:
                self._checked = self._check(images, h)
        except InputError as error:
            raise self._named(error) from error.__cause__
        return h

    def _named(self, error):
        return InputError(f"{self.name}: {error}")

    def _run(self, images, normalization=None):
        """The net's outputs, in pieces where its batch is fixed."""
        images = self._intake.of(images, normalization)
        count = len(images)
        size = self._net.shape[0] or max(1, count)
        missing = -count % size
        if missing:
            images = np.concatenate([images, images[-1:].repeat(missing, 0)])
        try:
            pieces = [
                self._net.run(images[i : i + size])
                for i in range(0, len(images), size)
            ]
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()
            raise InputError(
                f"it fails on an input of shape {images.shape[1:]}: {reason[0]}"
            ) from error
        if len(pieces) == 1 and not missing:
            return pieces[0]
        return {
            name: np.concatenate([piece[name] for piece in pieces])[:count]
            for name in pieces[0]
            if np.ndim(pieces[0][name])
        }

    def _check(self, images, h):
        """Whether the first images were enough to look at what they gave."""
        rows = first_batch.different(images)
        if len(rows) < 2:
            return False
        some, h = images[rows], h[rows]
        alone = self._features.of(self._run(some[:1]))
        other = self._other_pixels(some, h)
        first_batch.require_sound(h, alone, other)
        if other:
            say(
                f"Warning: {self.name}: features of different images hardly "
                "differ by the pixels that it is given, and far more by "
                f"{other!r} (--preprocessing={other})"
            )
        return True

    def _other_pixels(self, images, h):
        """The kind of pixels that seems to be meant in place of ours, or ""."""
        if self._net.dtype == np.uint8:
            return ""
        varieties = {}
        for name in _OTHERS:
            if PIXELS[name] != self._intake.normalization:
                found = self._features.of(self._run(images, PIXELS[name]))
                varieties[name] = first_batch.variety(found)
        return first_batch.better(first_batch.variety(h), varieties)


def _noise(size):
    """The images that an encoder is tried on."""
    rng = np.random.Generator(np.random.PCG64(0))
    return rng.random((_PROBES, size, size, 3), np.float32)


def _require_finite(images, h):
    bad = ~np.isfinite(h).all(axis=1)
    # What only fills a batch up is black, and may come out as 0 / 0.
    if bad.any() and images[bad].any():
        raise InputError("its features are not finite (NaN).")
