"""A page that shows a store: its map, its clusters, and what to label."""
