from simclr.evaluation.report import results_table

ROWS = [
    {
        "name": "trained",
        "dims": 128,
        "knn_top1": 0.637,
        "knn_top5": 0.95,
        "linear_top1": 0.6419,
        "seconds": 33.1,
    },
    {"name": "untrained encoder", "dims": 128, "knn_top1": 0.351},
    {"name": "raw pixels", "dims": 3072, "linear_top1": None, "seconds": 0.21},
]


def test_table():
    assert results_table(ROWS).splitlines() == [
        "features           dims  kNN top-1  kNN top-5  linear top-1  seconds",
        "-----------------  ----  ---------  ---------  ------------  -------",
        "trained             128     63.7 %     95.0 %        64.2 %       33",
        "untrained encoder   128     35.1 %",
        "raw pixels         3072                                          0.2",
    ]


def test_without_labels_only_names_and_sizes_are_left():
    rows = [{"name": "trained", "dims": 64}]
    assert results_table(rows).splitlines() == [
        "features  dims",
        "--------  ----",
        "trained     64",
    ]
