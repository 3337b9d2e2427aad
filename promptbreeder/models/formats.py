"""Number formats of weights: one-time requantisation to the one that this machine computes fastest.

On a CPU the format decides more than anything else how fast a prompt is read. The shipped file has 4-bit weights
(Q4_1), which every multiplication must unpack. Q8_0 and BF16 hold the very same weights to within rounding, so they
are candidates; formats that lose accuracy (Q4_0) are not.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from promptbreeder.models.engine import Interrupted, Stopped
from promptbreeder.models.gguf_file import Head, Tensor, read_head, write_head

if TYPE_CHECKING:
    import gguf
    import numpy as np
    import numpy.typing as npt

CANDIDATES = ("Q8_0", "BF16")
_ROWS = 4_096
"""Converted at a time: little memory, and a look at whether the caller has gone."""


def requantise(source: Path, target: Path, format_name: str, stopped: Stopped) -> None:
    """Write `source` to `target` with all matrices in `format_name`; appears whole or not at all.

    Raises:
        Interrupted: soon after `stopped()` is true.
        ValueError, NotImplementedError: if the file is not sound, or holds weights that cannot be converted.
        OSError: if the disk is full.
    """
    # numpy and all formats: only for the one time that a model is converted.
    import gguf  # noqa: PLC0415

    wanted = gguf.GGMLQuantizationType[format_name]
    head = read_head(source)
    kinds = [_kind(tensor, wanted) for tensor in head.tensors]
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            write_head(file, _converted_head(head, kinds, gguf.LlamaFileType[f"MOSTLY_{format_name}"]))
            for tensor, kind in zip(head.tensors, kinds, strict=True):
                for piece in _pieces(source, head, tensor, kind):
                    if stopped():
                        raise Interrupted
                    piece.tofile(file)
                _pad(file, head)
            file.flush()
            os.fsync(file.fileno())
        # Atomic: a second process either finds the whole file or makes its own and replaces it by the same bytes.
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _kind(tensor: Tensor, wanted: "gguf.GGMLQuantizationType") -> "gguf.GGMLQuantizationType":
    """Return the format that a tensor gets: vectors and what does not divide into blocks stay as they are."""
    import gguf  # noqa: PLC0415

    kept = gguf.GGMLQuantizationType(tensor.kind)
    block, _ = gguf.GGML_QUANT_SIZES[wanted]
    return kept if kept == gguf.GGMLQuantizationType.F32 or tensor.dimensions[0] % block else wanted


def _converted_head(head: Head, kinds: list["gguf.GGMLQuantizationType"], file_type: int) -> Head:
    tensors = []
    offset = 0
    for tensor, kind in zip(head.tensors, kinds, strict=True):
        tensors.append(replace(tensor, kind=int(kind), offset=offset))
        rows, width = _shape(tensor, kind)
        offset += head.aligned(rows * width)
    made = replace(head, tensors=tensors)
    made.set_number("general.file_type", file_type)
    return made


def _shape(tensor: Tensor, kind: "gguf.GGMLQuantizationType") -> tuple[int, int]:
    """Return the number of rows, and the bytes of one."""
    import gguf  # noqa: PLC0415

    length, *others = tensor.dimensions
    rows = 1
    for count in others:
        rows *= count
    block, size = gguf.GGML_QUANT_SIZES[kind]
    return rows, length // block * size


def _pieces(
    source: Path, head: Head, tensor: Tensor, wanted: "gguf.GGMLQuantizationType"
) -> Iterator["npt.NDArray[np.uint8]"]:
    import gguf.quants  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    kind = gguf.GGMLQuantizationType(tensor.kind)
    rows, width = _shape(tensor, kind)
    data = np.memmap(source, np.uint8, mode="r", offset=head.data_start + tensor.offset, shape=(rows, width))
    for start in range(0, rows, _ROWS):
        part = np.asarray(data[start : start + _ROWS])
        if kind != wanted:
            part = np.asarray(gguf.quants.quantize(gguf.quants.dequantize(part, kind), wanted))
        yield part


def _pad(file: BinaryIO, head: Head) -> None:
    file.write(b"\0" * (head.aligned(file.tell()) - file.tell()))
