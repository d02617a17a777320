"""Fashion-MNIST: pictures of clothes in MNIST's form; found where Debian puts them, or downloaded once."""

import gzip
import hashlib
import logging
from functools import cache, partial
from pathlib import Path

import numpy as np

from steepest.workloads import idx
from steepest.workloads.mnist import images, layers
from steepest.workloads.workload import Data, Workload

SHA256 = {  # of the uncompressed files
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
CURE = "install Debian's package dataset-fashion-mnist, or try again with a network"


@cache
def clothes() -> Data:
    """50,000 pictures for training, 10,000 for validation, 10,000 for the test, as MNIST has them.

    Raises `idx.DamagedFile`, an OSError, when they are neither on this machine nor to be had, or are not what they
    should be.
    """
    return images(_bytes)


def _bytes(name: str) -> np.ndarray:
    file = DEBIAN / f"{name}.gz"
    file = file if file.exists() else _downloaded(f"{name}.gz")
    try:
        content = gzip.decompress(file.read_bytes())
    except (OSError, EOFError) as error:
        raise idx.DamagedFile(f"{file} cannot be read ({error}); remove it and try again") from None
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        raise idx.DamagedFile(f"{file} is damaged: its content has another SHA-256; remove it and try again")
    return idx.parse(content)


def _downloaded(name: str) -> Path:
    """The file, downloaded when it is not yet in the user's cache; its content is checked after each reading."""
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)
    try:
        return Path(pooch.retrieve(URL + name, known_hash=None, fname=name, path=pooch.os_cache("steepest")))
    except (OSError, ValueError) as error:
        why = type(error).__name__
        raise idx.DamagedFile(f"Fashion-MNIST is not in {DEBIAN} and cannot be downloaded ({why}); {CURE}") from None


FASHION_MNIST = Workload(
    "fashion-mnist",
    "Fashion-MNIST, network 784-128-10",
    partial(layers, 784, 128, 10),
    clothes,
    targets=(0.85, 0.88),
)
