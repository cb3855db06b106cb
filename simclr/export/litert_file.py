"""model.tflite, for LiteRT on phones."""

import tensorflow as tf

from simclr.storage.whole import write_whole


def write(saved_model, path):
    """Converts a SavedModel's signature "serve".

    As Keras's own export does, which Python 3.10's Keras does not have, but
    without TensorFlow's operations: what LiteRT does not have by itself is an
    error here, not on the phone.

    Args:
        saved_model: folder, of saved_model.write.
        path: file to write.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(
        saved_model, signature_keys=["serve"]
    )
    write_whole(path, converter.convert())
