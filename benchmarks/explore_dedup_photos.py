"""Near-duplicates of photos: precision and recall, threshold without labels.

    python benchmarks/explore_dedup_photos.py RUN --photos=FOLDER \\
        --distractors=FOLDER

The images are the photos, a copy of each by every way of `CHANGES`, and the
distractors less those that are one of the photos in another size. RUN's encoder
embeds them. The threshold comes from duplicates that simclr makes itself of
--sample of all these images (re-encoded, cropped by 5 %, resized): of other
strengths, and neither rotated nor of another brightness. JSON lines:

    images     how many of each sort; seconds of embedding
    chosen     the threshold, with the precision and recall expected of it
    pairs      precision of all pairs found; recall of (photo, copy), of each
               change, and of all pairs of one photo
    groups     share of the images to leave out whose kept image is of the same
               photo; share of the copies that would be left out
    cosine     the same as `pairs` for a cosine of 0.9 of the encoder's vectors
               as they are (imagededup's rule)

A pair of two distractors counts as false, though a few of a folder's own photos
may be near-duplicates; --pairs lists the false ones.
"""

import argparse
import glob
import json
import os
import time

import cv2
import numpy as np

import simclr
from simclr.explore.clusters.whiten import unit
from simclr.explore.duplicates import (
    calibration,
    groups,
    keep,
    made,
    pairs,
    scores,
    vectors,
)

# Photos in two sizes agree in 16 x 16 grays; two photos never so well.
SAME_LOOK = 0.995


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--photos", required=True)
    parser.add_argument("--distractors", required=True)
    parser.add_argument("--sample", type=int, default=500)
    parser.add_argument("--dims", type=int, default=128)
    parser.add_argument("--precision", type=float, default=0.99)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pairs", action="store_true")
    arguments = parser.parse_args()
    started = time.monotonic()
    names, images, photo = all_images(
        arguments.photos, arguments.distractors, arguments.seed
    )
    rng = np.random.default_rng(arguments.seed)
    size = min(arguments.sample, len(images))
    sample = np.sort(rng.choice(len(images), size, replace=False))
    number, _, copies = zip(
        *made.made_duplicates(
            [images[i] for i in sample], seed=arguments.seed + 1
        )
    )
    run = simclr.load(arguments.run)
    vector, _ = run.embed([*images, *copies], quiet=True)
    say(
        "images",
        photos=int(photo.max()) + 1,
        copies=int(np.sum(photo >= 0) - photo.max() - 1),
        distractors=int(np.sum(photo < 0)),
        made=len(copies),
        seconds=round(time.monotonic() - started, 1),
    )
    vector, copy_vector = np.split(vector.astype(np.float16), [len(images)])
    whitening = vectors.fit_whitening(vector, arguments.dims)
    rows, copy_rows = (
        vectors.whitened_rows(lambda v=v: iter([v]), len(v), whitening)
        for v in (vector, copy_vector)
    )
    background = scores.background_of(rows)
    one = scores.scored(rows, background)
    ours = scores.scored(copy_rows, background)
    original = sample[np.array(number)]
    chosen = calibration.calibrate(
        one.pair_scores(ours, original, np.arange(len(original))),
        calibration.neighbour_scores(one, seed=arguments.seed),
        arguments.precision,
    )
    say(
        "chosen",
        threshold=chosen.threshold,
        precision=chosen.precision,
        recall=chosen.recall,
        duplicates=chosen.duplicates,
    )
    found = pairs.pairs_within(one, chosen.threshold)
    say("pairs", **judged(found, photo, names))
    if arguments.pairs:
        for i, j in zip(found.first, found.second):
            if not same_photo(photo, i, j):
                say("false", one=names[i], other=names[j])
    say("groups", **grouped(found, images, photo, names))
    plain = scores.Scored(
        unit(vector.astype(np.float32)).astype(np.float16),
        np.zeros([len(vector)], np.float32),
    )
    say("cosine", **judged(pairs.pairs_within(plain, 0.9), photo, names))


def all_images(photos, distractors, seed):
    """names, images and int [n], the photo's number or -1, of all images."""
    photos, paths = files_in(photos), files_in(distractors)
    originals = [read(path) for path in photos]
    others = [read(path) for path in paths]
    looks = [np.stack([look(i) for i in some]) for some in (others, originals)]
    new = (looks[0] @ looks[1].T).max(axis=1) < SAME_LOOK
    names = [os.path.basename(path) for path in photos]
    images = list(originals)
    photo = [np.arange(len(photos))]
    for place, (kind, change) in enumerate(CHANGES.items()):
        for number, image in enumerate(originals):
            rng = np.random.default_rng([seed, place, number])
            images.append(np.ascontiguousarray(change(image, rng)))
            names.append(f"{os.path.basename(photos[number])}:{kind}")
        photo.append(np.arange(len(photos)))
    images += [image for image, kept in zip(others, new) if kept]
    names += [os.path.basename(p) for p, kept in zip(paths, new) if kept]
    photo.append(np.full([new.sum()], -1))
    return names, images, np.concatenate(photo)


def files_in(folder):
    return sorted(glob.glob(os.path.join(folder, "**/*.jpg"), recursive=True))


def read(path):
    return np.ascontiguousarray(cv2.imread(path)[..., ::-1])


def look(image):
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray, (16, 16), interpolation=cv2.INTER_AREA)
    small = small.astype(np.float32).ravel()
    small -= small.mean()
    return small / max(np.linalg.norm(small), 1e-6)


def scaled(image, rng):
    """At 30 % of its sides, less than simclr makes."""
    return cv2.resize(image, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)


def cropped(image, rng):
    """Without 10 % of each side, twice what simclr makes."""
    height, width = (round(0.9 * side) for side in image.shape[:2])
    top = rng.integers(image.shape[0] - height, endpoint=True)
    left = rng.integers(image.shape[1] - width, endpoint=True)
    return image[top : top + height, left : left + width]


def rotated(image, rng):
    """By 3 to 8 degrees."""
    height, width = image.shape[:2]
    angle = rng.choice([-1, 1]) * rng.uniform(3, 8)
    centre = (width - 1) / 2, (height - 1) / 2
    matrix = cv2.getRotationMatrix2D(centre, angle, 1)
    return cv2.warpAffine(
        image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT
    )


def jpeg(image, rng):
    """Of a quality of 10 to 30, below what simclr makes."""
    quality = int(rng.integers(10, 30, endpoint=True))
    _, data = cv2.imencode(
        ".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]


def brightness(image, rng):
    """Times 0.7 or 1.3."""
    return np.clip(image * rng.choice([0.7, 1.3]), 0, 255).astype(np.uint8)


CHANGES = {f.__name__: f for f in (scaled, cropped, rotated, jpeg, brightness)}


def same_photo(photo, i, j):
    return (photo[i] == photo[j]) & (photo[i] >= 0)


def judged(found, photo, names):
    """Precision and recall of pairs."""
    right = same_photo(photo, found.first, found.second)
    count = int(photo.max()) + 1
    ways = len(CHANGES)
    with_photo = right & (found.first < count)  # Photos are the first images.
    kinds = [names[j].rpartition(":")[2] for j in found.second[with_photo]]
    shares = {kind: kinds.count(kind) / count for kind in CHANGES}
    return {
        "found": len(found),
        "precision": round(float(right.mean()), 4) if len(found) else None,
        "recall": round(sum(shares.values()) / ways, 4),
        "recall_of": {kind: round(v, 4) for kind, v in shares.items()},
        "recall_all": round(right.sum() / (count * ways * (ways + 1) / 2), 4),
    }


def grouped(found, images, photo, names):
    """Precision and recall of what would be left out."""
    unknown = [None] * len(images)
    order = keep.keep_order(
        {
            "id": names,
            "height": [image.shape[0] for image in images],
            "width": [image.shape[1] for image in images],
            "sharpness": unknown,
            "time": unknown,
        }
    )
    kept = groups.leader_groups(found, order).kept
    out = np.flatnonzero(kept != np.arange(len(kept)))
    right = same_photo(photo, out, kept[out])
    copies = np.sum(photo >= 0) - photo.max() - 1
    return {
        "left_out": len(out),
        "precision": round(float(right.mean()), 4) if len(out) else None,
        "recall": round(float(right.sum() / copies), 4),
    }


def say(name, **facts):
    print(json.dumps({"measured": name, **facts}), flush=True)


if __name__ == "__main__":
    main()
