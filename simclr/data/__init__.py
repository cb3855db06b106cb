"""Images in: sources, their order, decoding, views, batches."""
