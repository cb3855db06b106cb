"""What runs a net, and on which devices; importing this imports none of it."""

ENGINES = ("tensorflow", "pjrt")
KINDS = ("auto", "tpu", "gpu", "cpu", "multiworker")  # Of devices.
