"""kNN on the device, where there are labels: jax and NumPy alone.

Letters: m = images, q = queries, f = features.
"""

import numpy as np

from simclr.evaluation.accuracy import (
    NEIGHBOURS,
    TEMPERATURE,
    top_k_accuracy,
    weighted_class_scores,
)
from simclr.pjrt import files
from simclr.pjrt.image_store import ImageStore

_QUERIES = 1024


class Scorer:
    """Scores the encoder of a lowered run.

    Args:
        run: folder.
        scoring: dict, "scoring" of the signature.
        engine: runner.Lowered.
        images: ImageStore of the training images.
    """

    def __init__(self, run, scoring, engine, images):
        self._scoring, self._engine = scoring, engine
        self._parts = files.arrays(files.path(run, "parts.npz"))
        device = engine.executable.devices[0]
        self._encoder = files.compiled(run, scoring["encoder"], [device])
        self._images = {"images": images}
        for name in set(scoring["parts"].values()) - {"images"}:
            self._images[name] = ImageStore(run, name, [device], "host")

    def knn(self):
        """Top-1 accuracy of weighted kNN, in [0, 1]."""
        fit, score = (self._embed(part) for part in ("fit", "score"))
        index, similarity = nearest(fit, score, NEIGHBOURS)
        answers = weighted_class_scores(
            self._parts["fit_label"][index],
            similarity,
            self._scoring["classes"],
            TEMPERATURE,
        )
        return top_k_accuracy(answers, self._parts["score_label"])

    def _embed(self, part):
        """Features [m, f] of the images of a part."""
        program = self._scoring["encoder"]
        images = self._images[self._scoring["parts"][part]]
        chosen = self._parts[f"{part}_rows"]
        state = self._engine.copies(program["state"])
        found = []
        for start in range(0, len(chosen), program["rows"]):
            rows = chosen[start : start + program["rows"]]
            filled = np.resize(rows, program["rows"])
            boxes = self._encoder.put(images.rows["boxes"][filled])
            [h] = self._encoder([boxes, images.take(filled), *state])
            found.append((h, len(rows)))  # Not looked at: the next may start.
        return np.concatenate([np.asarray(h)[:count] for h, count in found])


def nearest(h, queries, k):
    """The k most similar rows of `h` to each query, by cosine.

    Args:
        h: float32 [m, f].
        queries: float32 [q, f].
        k: int; m where there are fewer.

    Returns:
        index: int [q, k], the most similar first.
        similarity: float32 [q, k].
    """
    import jax

    def unit(x):
        length = np.linalg.norm(x, axis=1, keepdims=True)
        return x / np.maximum(length, 1e-12)

    @jax.jit
    def best(queries, h):
        exact = jax.lax.Precision.HIGHEST
        similarity = jax.numpy.matmul(queries, h.T, precision=exact)
        return jax.lax.top_k(similarity, min(k, len(h)))

    h, queries = jax.device_put(unit(h)), unit(queries)
    found = [
        best(queries[i : i + _QUERIES], h)
        for i in range(0, len(queries), _QUERIES)
    ]
    similarity, index = (np.concatenate(x) for x in zip(*found))
    return index, similarity
