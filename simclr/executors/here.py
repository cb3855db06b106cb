"""The executor that is this process."""


class Here:
    """Computes in this process, one task after the other.

    Attributes:
        workers: int, how many tasks are under way at a time.
    """

    workers = 1

    def map(self, function, tasks):
        """Yields what a function gives for each task, in their order.

        Args:
            function: of one task. On other machines it is pickled once, and
                keeps there what it keeps in itself.
            tasks: iterable; drawn as far as it is needed.
        """
        return map(function, tasks)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


HERE = Here()
