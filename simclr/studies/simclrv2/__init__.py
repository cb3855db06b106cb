"""Studies of SimCLRv2 (Chen et al. 2020b, arXiv 2006.10029)."""
