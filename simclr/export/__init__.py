"""A run's net as files that need no code of ours."""
