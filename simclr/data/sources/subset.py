"""Some images of a source, as a source of their own."""

from simclr.data.source import Source, labels_or_none


class Subset(Source):
    """The images of `rows`, in that order.

    Args:
        source: Source.
        rows: int [m], indices into it.
    """

    def __init__(self, source, rows):
        super().__init__(source.name)
        self._source, self._rows = source, rows
        self.class_names = source.class_names
        self.notes = list(source.notes)
        self.why_unlabelled = source.why_unlabelled
        self.num_planes = source.num_planes
        self.bit_depth = source.bit_depth
        if source.labels is not None:
            self.labels = labels_or_none(source.labels[rows])
        # A request brings as many images as before, of which these are a part.
        share = len(rows) / len(source)
        self.block_size = max(1, round(source.block_size * share))

    def __len__(self):
        return len(self._rows)

    def id(self, index):
        return self._source.id(int(self._rows[index]))

    def read(self, index):
        return self._source.read(int(self._rows[index]))

    def stamp(self, index):
        return self._source.stamp(int(self._rows[index]))

    def planes(self, index):
        return self._source.planes(int(self._rows[index]))
