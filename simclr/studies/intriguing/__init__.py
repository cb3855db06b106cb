"""Studies of Intriguing Properties of Contrastive Losses (arXiv 2011.02803)."""
