"""Downloads and prepares a TensorFlow data set that is not on disk yet.

The only place that asks tensorflow-datasets itself, and a network. `tfds.load`
retries a download for about 200 seconds before it fails on a machine without a
network, so the hosts it would ask are tried first.
"""

import os
import socket
import urllib.parse
import urllib.request

from simclr.messages.errors import InputError, first_line
from simclr.messages.extras import require_tensorflow
from simclr.messages.hints import did_you_mean
from simclr.messages.say import say
from simclr.storage import files

_TIMEOUT_S = 3.0  # Of a connection, to the first host that answers.


def download(dataset, parts, root):
    """Downloads and prepares one config of a data set, with progress bars.

    Args:
        dataset: its name.
        parts: list of str, what the user said after it: [CONFIG[:VERSION]],
            [SPLIT].
        root: where prepared data sets lie.

    Raises:
        InputError: there is no such data set, it must be fetched by hand, or
            TensorFlow is missing.
        OSError: no network, or the download failed; says what to do.
    """
    require_tensorflow()
    import tensorflow_datasets as tfds

    if not hasattr(tfds, "builder_cls"):  # Its import swallows errors.
        raise OSError(
            "tensorflow-datasets does not load here. Beside TensorFlow 2.18 "
            'and 2.19 it needs: pip install "tensorflow-metadata<1.18"'
        )
    try:
        builder_class = tfds.builder_cls(dataset)
    except ValueError:
        names = files.list_folder(root)
        names += tfds.list_builders(with_community_datasets=False)
        hint = did_you_mean(dataset, names, "tfds:{}")
        raise InputError(
            f"There is no tfds data set {dataset!r}, neither prepared in "
            f"{root} nor known to tensorflow-datasets.{hint}"
        ) from None
    config = _config(parts, builder_class.builder_configs)
    by_hand = builder_class.MANUAL_DOWNLOAD_INSTRUCTIONS
    manual = os.path.join(root, "downloads", "manual")
    if by_hand and not (os.path.isdir(manual) and os.listdir(manual)):
        raise InputError(
            f"tfds data set {dataset!r} is not prepared in {root}, and its "
            f"files must be fetched by hand into {manual}: "
            f"{' '.join(by_hand.split())} Or set TFDS_DATA_DIR to where it is "
            "prepared."
        )
    if not by_hand:
        _require_network(dataset, builder_class.url_infos or {}, root)
    say(f"Preparing tfds data set {dataset} in {root}")
    try:
        builder = tfds.builder(
            "/".join(filter(None, [dataset, config])),
            data_dir=root,
            file_format="array_record",
        )
        builder.download_and_prepare()
    except Exception as error:  # Any of a hundred data sets' own code.
        line = first_line(error)
        raise OSError(
            f"tfds data set {dataset!r} could not be prepared: {line}"
        ) from error


def _config(parts, configs):
    """The config that the user named, or "" for the default one."""
    if parts and parts[0].partition(":")[0] in configs:
        return parts[0]
    return ""


def _require_network(dataset, url_infos, root):
    hosts = sorted({urllib.parse.urlsplit(url).netloc for url in url_infos})
    if not hosts or _proxy() or any(map(_answers, hosts)):
        return
    raise OSError(
        f"tfds data set {dataset!r} is not prepared in {root}, and "
        f"{hosts[0]} does not answer, so it cannot be downloaded here. Point "
        "TFDS_DATA_DIR to where it is, or prepare it once where there is a "
        f"network: tfds build {dataset} --file_format=array_record"
    )


def _proxy():
    """Whether downloads go through a proxy, which alone knows the hosts."""
    return bool(urllib.request.getproxies().get("https"))


def _answers(host):
    name, _, port = host.partition(":")
    try:
        socket.create_connection((name, int(port or 443)), _TIMEOUT_S).close()
    except OSError:
        return False
    return True
