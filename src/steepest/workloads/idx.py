"""The IDX format of MNIST's files: a header that says type and shape, then the bytes; here compressed with xz."""

import hashlib
import lzma
from importlib.resources.abc import Traversable

import numpy as np

UNSIGNED_BYTE = 0x08


class DamagedFile(OSError):
    """A data file is missing or its content is not what it should be."""


def load(file: Traversable, sha256: str) -> np.ndarray:
    """The array of bytes in an xz-compressed IDX file whose uncompressed content has this SHA-256.

    Raises `DamagedFile` when the file cannot be read or is not the expected one.
    """
    try:
        content = lzma.decompress(file.read_bytes())
    except (lzma.LZMAError, EOFError) as error:
        raise DamagedFile(f"{file} is damaged ({error}); {CURE}") from None
    except OSError as error:
        raise DamagedFile(f"{file} cannot be read ({error.strerror}); {CURE}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DamagedFile(f"{file} is damaged: its SHA-256 is {found}, not {sha256}; {CURE}")
    return parse(content)


CURE = "install steepest again"


def parse(content: bytes) -> np.ndarray:
    """The array that IDX bytes hold; only unsigned bytes are known.

    >>> parse(bytes([0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 3, 7, 8, 9]))
    array([[7, 8, 9]], dtype=uint8)
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != UNSIGNED_BYTE:
        raise DamagedFile(f"no IDX file of unsigned bytes: it begins with {content[:4].hex(' ')}")
    start = 4 + 4 * content[3]
    shape = tuple(np.frombuffer(content[4:start], dtype=">u4").tolist())
    if len(content) - start != np.prod(shape):
        raise DamagedFile(f"an IDX file of shape {shape} holds {len(content) - start} bytes")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
