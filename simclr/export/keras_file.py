"""model.keras: Keras's own format."""


def write(net, path):
    """Writes a net.Net so that `keras.models.load_model` alone reads it."""
    net.model.save(path)
