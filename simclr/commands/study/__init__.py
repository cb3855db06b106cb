"""`simclr study`: the papers' studies, a grid of your own."""
