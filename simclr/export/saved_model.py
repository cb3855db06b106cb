"""saved_model/, TensorFlow's own format, with a signature for JPEG files.

Shapes: n = images, s = side of a view, k classes.
"""

import keras
import tensorflow as tf


def write(net, path):
    """Writes a net.Net as a SavedModel of two signatures.

    "serve" (and "serving_default") takes `images`, uint8 [n, h, w, 3]; "jpeg"
    takes `jpeg`, string [n], the bytes of n files of any sizes, and gives
    `class_names`, string [k], too, where there are classes.

    Args:
        net: export.net.Net.
        path: folder to make.
    """
    archive = keras.export.ExportArchive()
    archive.track(net.model)
    size = net.trained.image_size
    # Both signatures call it, so that it is traced and stored once.
    on_views = tf.function(
        lambda views: net.on_views(views, training=False),
        [tf.TensorSpec([None, size, size, 3], tf.float32)],
    )
    archive.add_endpoint(
        "serve",
        lambda images: on_views(net.preprocessing(images, training=False)),
        [tf.TensorSpec([None, None, None, 3], tf.uint8, "images")],
    )

    def view(data):
        # As libjpeg decodes for our reader; the default differs in bits.
        image = tf.io.decode_jpeg(
            data, channels=3, dct_method="INTEGER_ACCURATE"
        )
        return net.preprocessing(image[None], training=False)[0]

    def from_files(jpeg):
        views = tf.map_fn(
            view,
            jpeg,
            fn_output_signature=tf.TensorSpec([size, size, 3], tf.float32),
        )
        outputs = on_views(views)
        if net.class_names:
            outputs = {**outputs, "class_names": tf.constant(net.class_names)}
        return outputs

    archive.add_endpoint(
        "jpeg", from_files, [tf.TensorSpec([None], tf.string, "jpeg")]
    )
    archive.write_out(path, verbose=False)
