"""llama.cpp's decode call, wrapped: rows in, logits out. The only file that holds C pointers."""

import contextlib
import ctypes
import functools
import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from promptbreeder.errors import ModelCrashed, ModelMissing
from promptbreeder.models.chatml import END_OF_TURN
from promptbreeder.models.engine import Interrupted, Stopped, Threads, let_threads_sleep, no_chatml

CELLS = 8_192
"""Tokens that fit into the KV cache together; 23 KB each for the 135M model."""
SEQUENCES = 128
BATCH = 512
"""Rows in one decode, between two looks at whether the caller has gone."""
OUTPUTS = 128
"""Rows of logits in one decode; each is as long as the vocabulary, and llama.cpp keeps them all."""
Logits: TypeAlias = npt.NDArray[np.float32]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """One token to decode: at `position` of each of `sequences`; its logits are read when `wanted`."""

    token: int
    position: int
    sequences: tuple[int, ...]
    wanted: bool = False


class Decoder:
    """One loaded model with one context. Not thread-safe: one worker owns it."""

    def __init__(self, path: Path, threads: Threads) -> None:
        """Load the model.

        Raises:
            ModelMissing: if the binding is not installed.
            ModelCrashed: if it or the file cannot be loaded, or the model was not made for ChatML.
        """
        self._lib = _library()
        with contextlib.ExitStack() as cleanup:
            params = self._lib.llama_model_default_params()
            self._model = self._lib.llama_model_load_from_file(str(path).encode(), params)
            if not self._model:
                raise ModelCrashed(f"llama.cpp cannot load {path}; is it a GGUF file of a text model?")
            cleanup.callback(self._lib.llama_model_free, self._model)
            self._context = self._lib.llama_init_from_model(self._model, self._context_params(threads))
            if not self._context:
                raise ModelCrashed(f"llama.cpp cannot make a context for {path}; is there enough memory?")
            cleanup.callback(self._lib.llama_free, self._context)
            self._batch = self._lib.llama_batch_init(BATCH, 0, SEQUENCES)
            cleanup.callback(self._lib.llama_batch_free, self._batch)
            self._cleanup = cleanup.pop_all()
        self._memory = self._lib.llama_get_memory(self._context)
        self._vocab = self._lib.llama_model_get_vocab(self._model)
        self.vocabulary = int(self._lib.llama_vocab_n_tokens(self._vocab))
        self._fields = {
            name: np.ctypeslib.as_array(getattr(self._batch, name), shape=(BATCH,))
            for name in ("token", "pos", "n_seq_id", "logits")
        }
        # An array of pointers to arrays: seen through the pointers' targets.
        self._sequence_ids = [self._batch.seq_id[i] for i in range(BATCH)]
        self._pieces: dict[int, bytes] = {}
        self._turn = functools.lru_cache(maxsize=256)(self._tokenise)
        # True of vocabularies in which the end of a turn is a token that eats no white space around it.
        sample = f"a b{END_OF_TURN}\nc {END_OF_TURN} d"
        self._turns_apart = False
        whole = self.tokens(sample)
        self._turns_apart = True
        self._turns_apart = self.tokens(sample) == whole
        # The token that closes our turns, not the vocabulary's "eot": in SmolLM2's that is another one.
        self.end_of_turn, *more = self._tokenise(END_OF_TURN)
        if more:
            self.close()
            raise no_chatml(path)
        begins = self._lib.llama_vocab_get_add_bos(self._vocab)
        self.beginning = (int(self._lib.llama_vocab_bos(self._vocab)),) if begins else ()
        self.trained_context = int(self._lib.llama_model_n_ctx_train(self._model))

    def _context_params(self, threads: Threads) -> Any:  # noqa: ANN401 - a C structure
        params = self._lib.llama_context_default_params()
        params.n_ctx, params.n_seq_max, params.n_outputs_max = CELLS, SEQUENCES, OUTPUTS
        params.n_batch = params.n_ubatch = BATCH
        params.n_threads_batch, params.n_threads = threads
        params.kv_unified = True
        params.no_perf = True
        return params

    def prompt(self, text: str) -> tuple[int, ...]:
        """Return the tokens of a whole prompt: with the beginning that the model was trained to see, if it was."""
        return self.beginning + self.tokens(text)

    def tokens(self, text: str) -> tuple[int, ...]:
        """Return the tokens of `text`, control tokens recognised."""
        # Turn by turn, because all prompts of a block have turns in common, and tokenising is most of our own work.
        *turns, rest = text.split(END_OF_TURN) if self._turns_apart else (text,)
        return tuple(token for turn in turns for token in self._turn(turn + END_OF_TURN)) + self._tokenise(rest)

    def _tokenise(self, text: str) -> tuple[int, ...]:
        data = text.encode()
        size = len(data) + 8
        buffer = (self._lib.llama_token * size)()
        count = int(self._lib.llama_tokenize(self._vocab, data, len(data), buffer, size, False, True))  # noqa: FBT003 - C
        if count < 0:
            raise ModelCrashed("llama.cpp cannot tokenise a prompt")
        return tuple(buffer[:count])

    def piece(self, token: int) -> bytes:
        """Return the bytes of one token; nothing for control tokens."""
        if token not in self._pieces:
            buffer = ctypes.create_string_buffer(256)
            count = int(self._lib.llama_token_to_piece(self._vocab, token, buffer, 256, 0, False))  # noqa: FBT003 - C
            self._pieces[token] = buffer.raw[:count] if count > 0 else b""
        return self._pieces[token]

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

    def decode(self, rows: Sequence[Row], stopped: Stopped, read: Callable[[int, Logits], T]) -> list[T]:
        """Decode rows, in order, and return what `read` makes of each wanted one: of its number and its logits.

        `read` sees llama.cpp's own buffer: it must not keep it.

        Raises:
            Interrupted: if `stopped()` is true; the cache must be emptied then.
            ModelCrashed: if llama.cpp fails; likewise.
        """
        found: list[T] = []
        for chunk in _chunks(rows):
            if stopped():
                raise Interrupted
            self._fill(chunk)
            code = int(self._lib.llama_decode(self._context, self._batch))
            if code != 0:
                raise ModelCrashed(f"llama.cpp failed to decode a batch of {len(chunk)} tokens (code {code})")
            for place, row in enumerate(chunk):
                if row.wanted:
                    pointer = self._lib.llama_get_logits_ith(self._context, place)
                    found.append(read(len(found), np.ctypeslib.as_array(pointer, shape=(self.vocabulary,))))
        return found

    def close(self) -> None:
        """Free batch, context and model; a second time does nothing."""
        self._cleanup.close()

    def _fill(self, chunk: Sequence[Row]) -> None:
        count = len(chunk)
        self._batch.n_tokens = count
        self._fields["token"][:count] = [row.token for row in chunk]
        self._fields["pos"][:count] = [row.position for row in chunk]
        self._fields["n_seq_id"][:count] = [len(row.sequences) for row in chunk]
        self._fields["logits"][:count] = [row.wanted for row in chunk]
        for ids, row in zip(self._sequence_ids, chunk, strict=False):
            for place, sequence in enumerate(row.sequences):
                ids[place] = sequence


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    start = outputs = 0
    for place, row in enumerate(rows):
        if place - start == BATCH or (row.wanted and outputs == OUTPUTS):
            yield rows[start:place]
            start, outputs = place, 0
        outputs += row.wanted
    if start < len(rows):
        yield rows[start:]


def _library() -> Any:  # noqa: ANN401 - a module without types
    let_threads_sleep()
    try:
        # Through a name: it may be absent. Imported here: a shared library, only for those who use it.
        llama_cpp: Any = importlib.import_module("llama_cpp")
    except ImportError as error:
        raise ModelMissing(
            "the native engine is not installed: pip install 'promptbreeder-mcp[native]' (in a checkout: `make native`)"
        ) from error
    except (OSError, RuntimeError) as error:
        raise ModelCrashed(f"the native engine cannot be loaded ({error}); reinstall llama-cpp-python") from error
    _silence(llama_cpp)
    llama_cpp.llama_backend_init()
    return llama_cpp


_WARNING = 3
_CONTINUED = 5
"""More of the line before: mostly dots."""
_log_callback: Any = None


def _silence(lib: Any) -> None:  # noqa: ANN401 - a module without types
    """Send llama.cpp's warnings to stderr and the rest nowhere; stdout belongs to the protocol."""
    global _log_callback  # noqa: PLW0603 - the library keeps a bare pointer: the reference must live as long
    if _log_callback is None:

        def log(level: int, text: bytes, _: object) -> None:
            if level >= _WARNING and level != _CONTINUED:
                sys.stderr.write(text.decode(errors="replace"))

        _log_callback = lib.llama_log_callback(log)
        lib.llama_log_set(_log_callback, ctypes.c_void_p(0))
