"""Converting weights, and the head of the file that they are in."""

from pathlib import Path
from typing import Any

import gguf
import gguf.quants
import numpy as np
import pytest

from promptbreeder.models import formats, weights
from promptbreeder.models.engine import Interrupted
from promptbreeder.models.gguf_file import read_head

Q4_1 = gguf.GGMLQuantizationType.Q4_1
TOLERANCE = {"Q8_0": 1 / 127, "BF16": 1 / 256}
"""Of the largest weight of a row: what rounding may do."""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Return a small file with quantised, plain and odd-sized tensors, and metadata of many types."""
    path = tmp_path / "small.gguf"
    random = np.random.default_rng(1)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_1)
    writer.add_array("tokenizer.ggml.tokens", ["a", "é", "<|im_end|>"])
    writer.add_array("tokenizer.ggml.scores", [0.5, 1.5])
    writer.add_bool("tokenizer.ggml.add_bos_token", val=False)
    writer.add_float32("llama.rope.freq_base", 10_000.0)
    writer.add_string("general.name", "small")
    matrix = gguf.quants.quantize(random.normal(size=(70, 64)).astype(np.float32), Q4_1)
    writer.add_tensor("matrix", matrix, raw_dtype=Q4_1)
    writer.add_tensor("vector", random.normal(size=64).astype(np.float32))
    writer.add_tensor("odd", random.normal(size=(3, 5)).astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def plain(tensor: Any) -> Any:  # noqa: ANN401  the reader's tensor, and numbers
    """Return a tensor's weights as numbers."""
    return gguf.quants.dequantize(tensor.data, tensor.tensor_type)


@pytest.mark.parametrize("name", formats.CANDIDATES)
def test_a_converted_file_holds_the_same_model(small: Path, tmp_path: Path, name: str) -> None:
    """Metadata and vectors are the same, matrices the same to within rounding, and the file says what it is."""
    target = tmp_path / "converted.gguf"
    formats.requantise(small, target, name, lambda: False)
    before, after = gguf.GGUFReader(small), gguf.GGUFReader(target)
    assert list(before.fields) == list(after.fields)
    for key, field in before.fields.items():
        if key != "general.file_type":
            assert after.fields[key].contents() == field.contents()
    assert after.fields["general.file_type"].contents() == gguf.LlamaFileType[f"MOSTLY_{name}"]
    for old, new in zip(before.tensors, after.tensors, strict=True):
        assert (old.name, list(old.shape)) == (new.name, list(new.shape))
        assert plain(new) == pytest.approx(plain(old), abs=TOLERANCE[name] * float(np.abs(plain(old)).max()))
    matrix, vector, _ = after.tensors
    assert (matrix.tensor_type.name, vector.tensor_type.name) == (name, "F32")
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("name", formats.CANDIDATES)
def test_the_shipped_weights_survive_conversion(name: str, tmp_path: Path) -> None:
    """A matrix of the bundled model in another format is within rounding of what was shipped."""
    source = weights.find("", tmp_path)
    head = read_head(source)
    tensor = next(tensor for tensor in head.tensors if tensor.name == "blk.0.attn_q.weight")
    wanted = gguf.GGMLQuantizationType[name]
    before = np.concatenate(list(formats._pieces(source, head, tensor, gguf.GGMLQuantizationType(tensor.kind))))
    after = np.concatenate(list(formats._pieces(source, head, tensor, wanted)))
    old = gguf.quants.dequantize(before, Q4_1)
    new = gguf.quants.dequantize(after, wanted)
    assert tensor.kind == Q4_1
    assert new == pytest.approx(old, abs=TOLERANCE[name] * float(np.abs(old).max()))


def test_a_conversion_that_fails_leaves_nothing(small: Path, tmp_path: Path) -> None:
    """A file appears whole or not at all, also when the caller goes in the middle."""
    asked: list[None] = []

    def stopped() -> bool:
        asked.append(None)
        return len(asked) > 1

    with pytest.raises(Interrupted):
        formats.requantise(small, tmp_path / "converted.gguf", "BF16", stopped)
    assert sorted(tmp_path.iterdir()) == [small]


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    """It need not be read to its end for that."""
    path = tmp_path / "text.gguf"
    path.write_text("# weights")
    with pytest.raises(ValueError, match="not a GGUF file"):
        read_head(path)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_a_file_that_is_cut_off_is_refused(small: Path, tmp_path: Path, share: float) -> None:
    """Wherever its head ends too early."""
    size = read_head(small).data_start
    short = tmp_path / "short.gguf"
    short.write_bytes(small.read_bytes()[: int(size * share)])
    with pytest.raises(ValueError, match="cut off or broken"):
        read_head(short)


def test_lengths_beyond_sense_do_not_ask_for_memory(small: Path, tmp_path: Path) -> None:
    """A broken length is an error at once."""
    broken = bytearray(small.read_bytes())
    broken[24:32] = b"\xff" * 8
    path = tmp_path / "broken.gguf"
    path.write_bytes(broken)
    with pytest.raises(ValueError, match="cut off or broken"):
        read_head(path)
