"""Which image is of which class: tables of labels, and parts of them."""
