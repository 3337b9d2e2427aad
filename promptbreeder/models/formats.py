"""Number formats of weights: one-time requantisation to the one that this machine computes fastest.

On a CPU the format decides more than anything else how fast a prompt is read. The shipped file has 4-bit weights
(Q4_1), which every multiplication must unpack. Q8_0 and BF16 hold the very same weights to within rounding, so they
are candidates; formats that lose accuracy (Q4_0) are not.
"""

import os
from pathlib import Path
from typing import Any

CANDIDATES = ("Q8_0", "BF16")


def requantise(source: Path, target: Path, format_name: str) -> None:
    """Write `source` to `target` with all quantised matrices in `format_name`; appears whole or not at all."""
    # numpy and a reader of the whole file format: only for the one time that a model is converted.
    import gguf  # noqa: PLC0415
    import gguf.quants  # noqa: PLC0415

    wanted = gguf.GGMLQuantizationType[format_name]
    reader = gguf.GGUFReader(source)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    architecture = reader.fields["general.architecture"].contents()
    writer: Any = gguf.GGUFWriter(partial, architecture)
    try:
        for field in reader.fields.values():
            if field.name.startswith("GGUF.") or field.name in {"general.architecture", "general.file_type"}:
                continue
            kind = field.types[0]
            inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), kind, sub_type=inner)
        writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{format_name}"])
        for tensor in reader.tensors:
            if tensor.tensor_type in {gguf.GGMLQuantizationType.F32, wanted}:
                writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
                continue
            plain = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            writer.add_tensor(tensor.name, gguf.quants.quantize(plain, wanted), raw_dtype=wanted)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        # Atomic: a second process either finds the whole file or makes its own and replaces it by the same bytes.
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
