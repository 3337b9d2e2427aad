"""llama.cpp's decode call, wrapped: rows in, logits out. The only file that holds C pointers."""

import ctypes
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from promptbreeder.errors import ModelCrashed, ModelMissing
from promptbreeder.models.engine import Interrupted

CELLS = 8_192
"""Tokens that fit into the KV cache together; 23 KB each for the 135M model."""
SEQUENCES = 256
"""llama.cpp's own limit."""
BATCH = 2_048
MICRO_BATCH = 512
OUTPUTS = 128
"""Rows of logits in one decode; each is as long as the vocabulary, and llama.cpp keeps them all."""
Logits: TypeAlias = npt.NDArray[np.float32]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """One token to decode: at `position` of `sequence`; its logits are read when `wanted`."""

    token: int
    position: int
    sequence: int
    wanted: bool = False


class Decoder:
    """One loaded model with one context. Not thread-safe: one worker owns it."""

    def __init__(self, path: Path, *, threads: int) -> None:
        """Load the model.

        Raises:
            ModelMissing: if the binding is not installed.
            ModelCrashed: if it or the file cannot be loaded.
        """
        # Waiting threads sleep: spinning ones starve each other when a core is taken away for a moment, and a decode
        # then takes ten times as long. Read by the OpenMP library when it is loaded.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        try:
            # Through a name: it may be absent. Imported here: a shared library, only for those who use it.
            llama_cpp: Any = importlib.import_module("llama_cpp")
        except ImportError as error:
            raise ModelMissing("the native engine is not installed: pip install 'promptbreeder-mcp[native]'") from error
        except (OSError, RuntimeError) as error:
            raise ModelCrashed(f"the native engine cannot be loaded ({error}); reinstall llama-cpp-python") from error
        self._lib: Any = llama_cpp
        self._stopped: Callable[[], bool] = lambda: False
        _silence(llama_cpp)
        llama_cpp.llama_backend_init()
        self._model = llama_cpp.llama_model_load_from_file(str(path).encode(), llama_cpp.llama_model_default_params())
        if not self._model:
            raise ModelCrashed(f"llama.cpp cannot load {path}; is it a GGUF file of a text model?")
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self.vocabulary = int(llama_cpp.llama_vocab_n_tokens(self._vocab))
        self.end_of_turn = int(llama_cpp.llama_vocab_eot(self._vocab))
        if self.end_of_turn < 0:
            self.end_of_turn = int(llama_cpp.llama_vocab_eos(self._vocab))
        params = llama_cpp.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch, params.n_seq_max = CELLS, BATCH, MICRO_BATCH, SEQUENCES
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = True
        params.no_perf = True
        # The reference must live as long as the context.
        self._abort = llama_cpp.ggml_abort_callback(lambda _: self._stopped())
        params.abort_callback = self._abort
        self._context = llama_cpp.llama_init_from_model(self._model, params)
        if not self._context:
            raise ModelCrashed(f"llama.cpp cannot make a context for {path}; is there enough memory?")
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._batch = llama_cpp.llama_batch_init(BATCH, 0, 1)
        self._fields = {
            name: np.ctypeslib.as_array(getattr(self._batch, name), shape=(BATCH,))
            for name in ("token", "pos", "n_seq_id", "logits")
        }
        self._fields["n_seq_id"][:] = 1
        # An array of pointers to arrays of one: seen through the first pointer's targets.
        self._sequence_ids = [self._batch.seq_id[i] for i in range(BATCH)]

    def tokens(self, text: str) -> tuple[int, ...]:
        """Return the tokens of `text`, control tokens recognised."""
        data = text.encode()
        size = len(data) + 8
        buffer = (self._lib.llama_token * size)()
        count = int(self._lib.llama_tokenize(self._vocab, data, len(data), buffer, size, False, True))  # noqa: FBT003 - C
        if count < 0:
            raise ModelCrashed("llama.cpp cannot tokenise a prompt")
        return tuple(buffer[:count])

    def piece(self, token: int) -> bytes:
        """Return the bytes of one token; nothing for control tokens."""
        buffer = ctypes.create_string_buffer(256)
        count = int(self._lib.llama_token_to_piece(self._vocab, token, buffer, 256, 0, False))  # noqa: FBT003 - C
        return buffer.raw[:count] if count > 0 else b""

    def ends(self, token: int) -> bool:
        """Whether `token` ends a turn."""
        return bool(self._lib.llama_vocab_is_eog(self._vocab, token))

    def copy(self, source: int, target: int) -> None:
        """Make sequence `target` begin as `source` is."""
        self._lib.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def forget(self, sequence: int) -> None:
        """Empty one sequence."""
        self._lib.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def forget_all(self) -> None:
        """Empty the cache."""
        self._lib.llama_memory_clear(self._memory, False)  # noqa: FBT003 - C

    def decode(self, rows: Sequence[Row], stopped: Callable[[], bool], read: Callable[[Logits], T]) -> list[T]:
        """Decode rows, in order, and return what `read` makes of the logits of each wanted one.

        `read` sees llama.cpp's own buffer: it must not keep it.

        Raises:
            Interrupted: soon after `stopped()` is true; the cache must be emptied then.
            ModelCrashed: if llama.cpp fails.
        """
        self._stopped = stopped
        found: list[T] = []
        for chunk in _chunks(rows):
            self._fill(chunk)
            code = int(self._lib.llama_decode(self._context, self._batch))
            if stopped():
                raise Interrupted
            if code != 0:
                raise ModelCrashed(f"llama.cpp failed to decode a batch of {len(chunk)} tokens (code {code})")
            for place, row in enumerate(chunk):
                if row.wanted:
                    pointer = self._lib.llama_get_logits_ith(self._context, place)
                    found.append(read(np.ctypeslib.as_array(pointer, shape=(self.vocabulary,))))
        return found

    def close(self) -> None:
        """Free batch, context and model."""
        self._lib.llama_batch_free(self._batch)
        self._lib.llama_free(self._context)
        self._lib.llama_model_free(self._model)

    def _fill(self, chunk: Sequence[Row]) -> None:
        count = len(chunk)
        self._batch.n_tokens = count
        self._fields["token"][:count] = [row.token for row in chunk]
        self._fields["pos"][:count] = [row.position for row in chunk]
        self._fields["logits"][:count] = [row.wanted for row in chunk]
        for place, row in enumerate(chunk):
            self._sequence_ids[place][0] = row.sequence


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    start = outputs = 0
    for place, row in enumerate(rows):
        if place - start == BATCH or (row.wanted and outputs == OUTPUTS):
            yield rows[start:place]
            start, outputs = place, 0
        outputs += row.wanted
    if start < len(rows):
        yield rows[start:]


_log_callback: Any = None


def _silence(lib: Any) -> None:  # noqa: ANN401 - a module without types
    """Send llama.cpp's warnings to stderr and the rest nowhere; stdout belongs to the protocol."""
    global _log_callback  # noqa: PLW0603 - the library keeps a bare pointer: the reference must live as long
    if _log_callback is None:
        warning = 3

        def log(level: int, text: bytes, _: object) -> None:
            if level >= warning and level != 5:  # noqa: PLR2004 - 5: continuation of a line, mostly dots
                sys.stderr.write(text.decode(errors="replace"))

        _log_callback = lib.llama_log_callback(log)
        lib.llama_log_set(_log_callback, ctypes.c_void_p(0))
