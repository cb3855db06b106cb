"""Which batches a source's images make."""

from simclr.messages.errors import InputError


def require_batch(source, *, replicas, batch_size, views):
    """Refuses batches that cannot be.

    Args:
        source: Source.
        replicas: int.
        batch_size: images of all replicas.
        views: how many of an image a batch holds.

    Raises:
        InputError: batch_size does not divide by the replicas, or, with two
            views, is more than the images of the source.
    """
    if batch_size % replicas:
        raise InputError(
            f"batch_size={batch_size} does not divide by {replicas} replicas."
        )
    if views == 2 and batch_size > len(source):
        raise InputError(
            f"batch_size={batch_size} is more than the {len(source)} images; "
            "an image would be its own negative. Lower batch_size."
        )
