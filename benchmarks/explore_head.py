"""Clusters against labels: k-means, a head, a head that taught itself.

    simclr embed RUN cifar10/train --out=train_store
    simclr embed RUN cifar10/test --out=test_store
    python benchmarks/explore_head.py train_store test_store

Both sets have class sub-folders, whose labels only score: clusters are fitted
to the training images, and each is named after the class that suits the test
images best, one cluster a class (Hungarian assignment), as the papers do.
Prints a JSON line of each seed, and the means: accuracy on the test images of
k-means, of the head (SCAN on frozen features) and of the head after
self-labelling; and kNN (k = 20) of the features, which no clustering of them
can pass by much.
"""

import argparse
import json

import faiss
import numpy as np
from scipy.optimize import linear_sum_assignment

from simclr.explore.clusters import head, kmeans, whiten
from simclr.explore.store.store import Store

NEIGHBOURS = 20


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("--dims", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    rows, labels = read(arguments.train)
    test, test_labels = read(arguments.test)
    classes = sorted(set(labels))
    labels, test_labels = (
        np.searchsorted(classes, some) for some in (labels, test_labels)
    )
    whitening = whiten.fit(rows, arguments.dims)
    x, test = whitening.apply(rows), whitening.apply(test)
    scale = 1 / x.std()
    _, near = faiss.knn(x, x, NEIGHBOURS + 1, metric=faiss.METRIC_INNER_PRODUCT)
    k, found = len(classes), []
    for seed in range(arguments.seeds):
        centroids = kmeans.fit(x, k, seed=seed)
        first = head.fit(x * scale, near[:, 1:], k, seed=seed)
        then = head.self_label(first, x * scale, seed=seed)
        answers = {
            "kmeans": kmeans.nearest(test, centroids)[0],
            "head": first.probabilities(test * scale).argmax(1),
            "self_labelled": then.probabilities(test * scale).argmax(1),
        }
        found.append({n: accuracy(a, test_labels) for n, a in answers.items()})
        print(json.dumps({"seed": seed, **found[-1]}), flush=True)
    means = {
        name: round(float(np.mean([row[name] for row in found])), 4)
        for name in found[0]
    }
    knn = accuracy_of_knn(x, labels, test, test_labels)
    print(json.dumps({"mean_of": arguments.seeds, **means, "knn": knn}))


def read(path):
    """(float16 [n, f], list of n labels) of a store."""
    store = Store(path)
    labels = store.read(["label"])["label"].to_pylist()
    return np.concatenate(list(store.blocks())), labels


def accuracy(cluster, labels):
    """The share of images in the cluster that is named after their class."""
    table = np.zeros([labels.max() + 1, cluster.max() + 1], int)
    np.add.at(table, (labels, cluster), 1)
    rows, columns = linear_sum_assignment(table, maximize=True)
    return round(float(table[rows, columns].sum() / len(labels)), 4)


def accuracy_of_knn(x, labels, test, test_labels):
    """Of the majority of the 20 nearest training images."""
    _, near = faiss.knn(test, x, 20, metric=faiss.METRIC_INNER_PRODUCT)
    votes = np.array([np.bincount(labels[row]).argmax() for row in near])
    return round(float(np.mean(votes == test_labels)), 4)


if __name__ == "__main__":
    main()
