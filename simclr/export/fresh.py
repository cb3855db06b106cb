"""Runs exported files in a process that cannot import simclr.

    python fresh.py INPUTS.npz OUTPUTS.npz FORMAT=PATH ...

A copy of this file is all that the process has of us. INPUTS has batches of
images, uint8 [n, h, w, 3], as "images/0", ..., and for the SavedModel JPEG
files as "jpeg/0", ..., uint8 [bytes]. OUTPUTS gets what each file says of them,
as "FORMAT/BATCH/OUTPUT"; of the JPEG files as "jpeg/0/OUTPUT".
"""

import sys


def load_keras(path):
    """A .keras file as a function of images to a dict of arrays."""
    import keras

    return keras.models.load_model(path).predict_on_batch


def load_savedmodel(path, signature="serve", argument="images"):
    """A SavedModel as a function of images to a dict of tensors."""
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    run = loaded.signatures[signature]
    # The loaded model owns the weights, so it lives as long as the function.
    return lambda x, _=loaded: run(**{argument: tf.constant(x)})


def load_onnx(path):
    """An ONNX file as a function of images to a dict of arrays."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    return lambda x: dict(zip(names, session.run(None, {"images": x})))


def load_litert(path):
    """A LiteRT file as a function of images to a dict of arrays."""
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(path).get_signature_runner("serve")
    return lambda x: run(images=x)


LOADERS = {
    "keras": load_keras,
    "savedmodel": load_savedmodel,
    "onnx": load_onnx,
    "litert": load_litert,
}


def main(inputs, outputs, *files):
    """See the module."""
    import numpy as np

    said = {}

    def note(kind, batch, answers):
        for name, answer in answers.items():
            answer = np.asarray(answer)
            if answer.dtype == object:  # TensorFlow's texts: no pickles here.
                answer = answer.astype(bytes)
            said[f"{kind}/{batch}/{name}"] = answer

    with np.load(inputs) as given:
        images = [given[k] for k in given if k.startswith("images/")]
        jpeg = [given[k].tobytes() for k in given if k.startswith("jpeg/")]
    for kind, _, path in (file.partition("=") for file in files):
        try:
            run = LOADERS[kind](path)
            for i, batch in enumerate(images):
                note(kind, i, run(batch))
            if kind == "savedmodel":
                run = load_savedmodel(path, "jpeg", "jpeg")
                note("jpeg", 0, run(jpeg))
        except Exception as error:  # A file that does not run fails its check.
            said[f"{kind}/error"] = np.array(f"{error}".split("\n")[0])
    np.savez(outputs, **said)


if __name__ == "__main__":
    sys.modules["simclr"] = None  # To import it is an error from here on.
    main(*sys.argv[1:])
