"""Nets of torchvision and timm beside their imports: the features must agree.

    TORCH_PYTHON benchmarks/published_nets.py originals FOLDER
    python benchmarks/published_nets.py compare FOLDER

The first line needs torch, torchvision and timm, and not simclr: it builds
each net with weights drawn by name (tests/drawn_weights.py), statistics of
batch norm and layer scales among them, and keeps its state as a file, and its
features. The second imports each file and prints the table of
docs/pretrained.md; it needs PyTorch beside TensorFlow for .pth files.

    TORCH_PYTHON benchmarks/published_nets.py golden

writes tests/golden/published_nets.npz: names, shapes and features of a few
images, for tests without PyTorch.
"""

import json
import pathlib
import sys

import numpy as np

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
from tests import drawn_weights  # noqa: E402

GOLDEN = ROOT / "tests" / "golden" / "published_nets.npz"
IMAGENET = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
HALF = [0.5] * 3, [0.5] * 3
# File's name, which tells timm's tf_... nets from the others -> (library, the
# library's name, mean and deviation).
NETS = {
    "resnet18": ("torchvision", "resnet18", IMAGENET),
    "resnet34": ("torchvision", "resnet34", IMAGENET),
    "resnet50": ("torchvision", "resnet50", IMAGENET),
    "mobilenet_v3_small": ("torchvision", "mobilenet_v3_small", IMAGENET),
    "mobilenet_v3_large": ("torchvision", "mobilenet_v3_large", IMAGENET),
    "convnext_tiny": ("torchvision", "convnext_tiny", IMAGENET),
    "vit_b_16": ("torchvision", "vit_b_16", IMAGENET),
    "timm_resnet34": ("timm", "resnet34", IMAGENET),
    "mobilenetv3_small_100": ("timm", "mobilenetv3_small_100", IMAGENET),
    "mobilenetv3_large_100": ("timm", "mobilenetv3_large_100", IMAGENET),
    "tf_mobilenetv3_small_100": ("timm", "tf_mobilenetv3_small_100", HALF),
    "efficientnet_lite0": ("timm", "efficientnet_lite0", IMAGENET),
    "tf_efficientnet_lite0": ("timm", "tf_efficientnet_lite0", HALF),
    "tf_efficientnetv2_b0": ("timm", "tf_efficientnetv2_b0", IMAGENET),
    "timm_convnext_tiny": ("timm", "convnext_tiny", IMAGENET),
    "vit_small_patch16_224": ("timm", "vit_small_patch16_224", IMAGENET),
    "vit_base_patch16_224": ("timm", "vit_base_patch16_224", IMAGENET),
    "vit_small_patch14_dinov2": ("timm", "vit_small_patch14_dinov2", IMAGENET),
}


def original(name, size):
    """(PyTorch model in inference mode, function of pixels to features)."""
    library, called, (mean, deviation) = NETS[name]
    import torch

    vit = {} if "vit" not in called else {"image_size": size}
    if library == "torchvision":
        import torchvision

        net = getattr(torchvision.models, called)(weights=None, **vit)
    else:
        import timm

        vit = {"img_size": size} if vit else {}
        net = timm.create_model(called, pretrained=False, **vit)
    state = {
        key: torch.from_numpy(drawn_weights.value(key, tuple(value.shape)))
        if value.dtype.is_floating_point
        else value
        for key, value in net.state_dict().items()
    }
    net.load_state_dict(state)
    net.eval()

    def features(images):
        x = torch.from_numpy(images.transpose(0, 3, 1, 2))
        x = (x - torch.tensor(mean)[:, None, None]) / torch.tensor(deviation)[
            :, None, None
        ]
        with torch.no_grad():
            return _features(net, library, called, x).numpy()

    return net, features


def _features(net, library, called, x):
    import torch

    if library == "timm":
        x = net.forward_features(x)
        if "vit" in called:
            return x[:, 0]
        x = x.mean((2, 3), keepdim=True)
        if "convnext" in called:
            x = net.head.norm(x)
        return x.flatten(1)
    if "resnet" in called:
        net.fc = torch.nn.Identity()
        return net(x)
    if "vit" in called:
        net.heads = torch.nn.Identity()
        return net(x)
    x = net.avgpool(net.features(x))
    if "convnext" in called:
        x = net.classifier[0](x)
    return x.flatten(1)


def size_of(name):
    """Side of the images that a net is compared on, pixels."""
    return 518 if "dinov2" in name else 224 if "vit" in name else 160


def write_originals(folder):
    """Each net's state as a file, its features beside it."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(NETS):
        size = size_of(name)
        net, features = original(name, size)
        # One kind of file after the other.
        state = net.state_dict()
        kind = ("safetensors", "pth", "npz", "pth")[i % 4]
        path = folder / f"{name}.{kind}"
        if kind == "safetensors":
            save_file({k: v.contiguous() for k, v in state.items()}, path)
        elif kind == "pth":
            torch.save(state, path, _use_new_zipfile_serialization=i % 8 < 4)
        else:
            np.savez(path, **{k: v.numpy() for k, v in state.items()})
        images = drawn_weights.images(size, count=2)
        np.savez(folder / f"{name}.features.npy.npz", h=features(images))
        print(path, flush=True)


def compare(folder):
    """Prints the table of the imports."""
    from simclr.config import Config, Data, override
    from simclr.published import detect
    from simclr.published.files import opened
    from simclr.runs import weights

    print("| file | net | names read | largest difference |")
    print("|---|---|---|---|")
    for name in NETS:
        [path] = [
            p for p in folder.glob(f"{name}.*") if "features" not in p.name
        ]
        source = opened.read(str(path))
        fit = detect.detect(source)
        arrays = fit.read(source)
        data = Data(image_size=fit.net.image_size)
        config = override(Config(data=data, model=fit.model), [])
        net = weights.encoder_from(config, arrays)
        ours = net(drawn_weights.images(size_of(name), count=2)).numpy()
        theirs = np.load(folder / f"{name}.features.npy.npz")["h"]
        apart = np.abs(ours - theirs).max() / np.abs(theirs).max()
        library, called, _ = NETS[name]
        keys = {k for v in fit.paths.values() for k in np.atleast_1d(v)}
        print(
            f"| {path.suffix}, {library} `{called}` | {fit.net.words} | "
            f"{len(keys)} | {apart:.1e} |",
            flush=True,
        )


def write_golden():
    """Names, shapes and some features, at small sizes."""
    arrays, names = {}, {}
    for name in NETS:
        size = 56 if "patch14" in name else 64
        net, features = original(name, size)
        names[name] = {
            key: list(value.shape) for key, value in net.state_dict().items()
        }
        images = drawn_weights.images(size, count=2)
        arrays[f"{name}/size"] = np.int64(size)
        arrays[f"{name}/h"] = features(images)[:, ::8].astype(np.float32)
        print(name, arrays[f"{name}/h"][0, :4], flush=True)
    text = json.dumps(names, separators=(",", ":")).encode()
    arrays["names"] = np.frombuffer(text, np.uint8)
    arrays |= resized_places()
    np.savez_compressed(GOLDEN, **arrays)
    print(GOLDEN, GOLDEN.stat().st_size)


def resized_places():
    """DINO's position embeddings of other sizes, by its own call of PyTorch."""
    import torch

    grid, dim = 5, 4
    places = drawn_weights.value("pos_embed", (grid * grid, dim))
    square = torch.from_numpy(places).reshape(1, grid, grid, dim)
    found = {"places/learned": places}
    for rows, columns in ((3, 7), (8, 8), (5, 6)):
        resized = torch.nn.functional.interpolate(
            square.permute(0, 3, 1, 2),
            scale_factor=((rows + 0.1) / grid, (columns + 0.1) / grid),
            mode="bicubic",
        )
        assert resized.shape[-2:] == (rows, columns)
        flat = resized.permute(0, 2, 3, 1).reshape(-1, dim)
        found[f"places/{rows}x{columns}"] = flat.numpy()
    return found


if __name__ == "__main__":
    if sys.argv[1] == "golden":
        write_golden()
    elif sys.argv[1] == "originals":
        write_originals(pathlib.Path(sys.argv[2]))
    else:
        compare(pathlib.Path(sys.argv[2]))
