"""The head of a GGUF file, and writing another one with the same metadata.

The `gguf` package can do that too, but takes seconds to build the vocabulary's hundred thousand strings as objects
only to write them out again, and holds the whole result in memory. Here the metadata stays the bytes that it is.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3, little-endian).
"""

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY, _UINT32 = 8, 9, 4
_ALIGNMENT = 32


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where one tensor is; `dimensions` as in the file, the length of a row first."""

    name: str
    dimensions: tuple[int, ...]
    kind: int
    offset: int
    """From the beginning of the data."""


@dataclass
class Head:
    """Everything before the data."""

    version: int
    metadata_count: int
    metadata: bytes
    tensors: list[Tensor]
    data_start: int
    alignment: int = _ALIGNMENT
    numbers: dict[str, int] = field(default_factory=dict)
    """Where in `metadata` the values of the 32-bit numbers stand, by name."""

    def set_number(self, name: str, value: int) -> None:
        """Change a 32-bit number that is in the metadata; do nothing if it is not."""
        if name in self.numbers:
            place = self.numbers[name]
            self.metadata = self.metadata[:place] + struct.pack("<I", value) + self.metadata[place + 4 :]

    def aligned(self, size: int) -> int:
        """Return `size` rounded up to where the next tensor may begin."""
        return -(-size // self.alignment) * self.alignment


def read_head(path: Path) -> Head:
    """Read everything before the data.

    Raises:
        ValueError: if this is not a GGUF file, or is cut off.
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        if file.read(4) != _MAGIC:
            raise ValueError(f"{path} is not a GGUF file")
        (version,) = _unpack(file, "<I")
        if version not in _VERSIONS:
            raise ValueError(f"{path} is a GGUF file of version {version}; {_VERSIONS} are known")
        tensor_count, metadata_count = _unpack(file, "<QQ")
        start = file.tell()
        numbers = {}
        for _ in range(metadata_count):
            name = _string(file).decode()
            (kind,) = _unpack(file, "<I")
            if kind == _UINT32:
                numbers[name] = file.tell() - start
            _skip(file, kind)
        end = file.tell()
        tensors = [_tensor(file) for _ in range(tensor_count)]
        after = file.tell()
        file.seek(start)
        head = Head(version, metadata_count, file.read(end - start), tensors, 0, numbers=numbers)
        if "general.alignment" in numbers:
            (head.alignment,) = struct.unpack_from("<I", head.metadata, numbers["general.alignment"])
        head.data_start = head.aligned(after)
        return head


def write_head(file: BinaryIO, head: Head) -> None:
    """Write everything before the data, and the padding up to it."""
    file.write(_MAGIC + struct.pack("<IQQ", head.version, len(head.tensors), head.metadata_count) + head.metadata)
    for tensor in head.tensors:
        name, dimensions = tensor.name.encode(), tensor.dimensions
        file.write(struct.pack("<Q", len(name)) + name)
        file.write(struct.pack(f"<I{len(dimensions)}QIQ", len(dimensions), *dimensions, tensor.kind, tensor.offset))
    file.write(b"\0" * (head.aligned(file.tell()) - file.tell()))


def _tensor(file: BinaryIO) -> Tensor:
    name = _string(file).decode()
    (count,) = _unpack(file, "<I")
    *dimensions, kind, offset = _unpack(file, f"<{count}QIQ")
    return Tensor(name, tuple(dimensions), kind, offset)


def _skip(file: BinaryIO, kind: int) -> None:
    if kind == _STRING:
        _string(file)
    elif kind == _ARRAY:
        inner, count = _unpack(file, "<IQ")
        if inner in _SIZES:
            file.seek(_SIZES[inner] * count, 1)
        else:
            for _ in range(count):
                _skip(file, inner)
    elif kind in _SIZES:
        file.seek(_SIZES[kind], 1)
    else:
        raise ValueError(f"a GGUF file with a value of unknown type {kind}")


def _string(file: BinaryIO) -> bytes:
    (length,) = _unpack(file, "<Q")
    return _exactly(file, length)


def _unpack(file: BinaryIO, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, _exactly(file, struct.calcsize(layout)))


def _exactly(file: BinaryIO, size: int) -> bytes:
    # A length beyond any sense is a broken file, not a reason to ask for that much memory.
    data = file.read(size) if size < 1 << 32 else b""
    if len(data) != size:
        raise ValueError("a GGUF file that is cut off or broken")
    return data
