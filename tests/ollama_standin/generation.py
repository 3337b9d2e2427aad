"""One answer: truncation of the prompt, the pieces of the brain, stop strings, limits and durations."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ollama_standin.brain import Piece, Token
from ollama_standin.errors import ApiError

LOAD_NS = 400_000_000
LOADED_NS = 1_000_000
READ_NS = 1_000_000
WRITE_NS = 8_000_000
"""What loading, finding loaded, reading a fresh token and writing one are said to take."""
_REPEATS = 30
"""The repetition guard breaks off after so many equal chunks on end, without a last chunk."""


@dataclass(frozen=True)
class Chunk:
    """What is sent for one piece: text that cannot be the beginning of a stop string any more."""

    text: str
    piece: Piece


@dataclass(frozen=True)
class Finish:
    """The last chunk: why it ended, and what it took."""

    reason: str
    prompt_tokens: int
    cached: int
    tokens: int

    def durations(self, *, loaded: bool, queued_ns: int) -> dict[str, int]:
        """Return counts and nanoseconds; reading counts fresh tokens only, and the total includes waiting."""
        load = LOAD_NS if loaded else LOADED_NS
        reading, writing = (self.prompt_tokens - self.cached) * READ_NS, self.tokens * WRITE_NS
        return {
            "total_duration": load + reading + writing + queued_ns,
            "load_duration": load,
            "prompt_eval_count": self.prompt_tokens,
            "prompt_eval_duration": reading,
            "eval_count": self.tokens,
            "eval_duration": writing,
        }


def fitted(tokens: Sequence[Token], context: int, num_keep: int, *, truncate: bool, shift: bool) -> Sequence[Token]:
    """Return the prompt as it is read.

    A prompt that leaves no room keeps its first `num_keep` tokens and its last ones, up to about half of the context.

    Raises:
        ApiError: 400 if it is too long and may not be cut.
    """
    if len(tokens) < context:
        return tokens
    if not truncate:
        # The words of llama.cpp's server, an object in a string.
        raise ApiError(
            400,
            f'{{"error":{{"code":400,"message":"request ({len(tokens)} tokens) exceeds the available context size '
            f'({context} tokens), try increasing it","type":"exceed_context_size_error",'
            f'"n_prompt_tokens":{len(tokens)},"n_ctx":{context}}}}}',
        )
    if not shift:
        raise ApiError(
            400,
            "the prompt is longer than the context length currently available to the model; shorten the prompt, "
            "adjust the context length in settings, or use a model with a longer context length",
        )
    keep = min(num_keep if num_keep >= 0 else len(tokens), context - 1)
    limit = context - max((context - keep) // 2, 1)
    return [*tokens[:keep], *tokens[len(tokens) - (limit - keep) :]]


def chunks(pieces: Iterable[Piece], stop: Sequence[str], budget: int) -> Iterator[Chunk | str | int]:
    """Yield what is sent, then the reason of the end ("" for the repetition guard) and the number of tokens."""
    held = ""
    count = repeats = 0
    last = ""
    reason = "stop"
    for piece in pieces:
        count += piece.tokens
        held += piece.text
        cut = min((at for text in stop if (at := held.find(text)) >= 0), default=None)
        spent = count >= budget
        sent = held[:cut]
        if cut is None and not (piece.end or spent) and any(map(held.endswith, _beginnings(stop))):
            sent = ""
        held = held[len(sent) :]
        repeats = repeats + 1 if sent.strip() == last else 0
        last = sent.strip()
        if repeats > _REPEATS:
            reason = ""
            break
        # Log-probabilities of a piece without text are lost, in Ollama too.
        if sent:
            yield Chunk(sent, piece)
        if cut is not None or piece.end:
            break
        if spent:
            reason = "length"
            break
    yield reason
    yield count


def _beginnings(stop: Sequence[str]) -> list[str]:
    return [text[:length] for text in stop for length in range(1, len(text))]


def enum_of(schema: Any) -> list[str] | None:  # noqa: ANN401 - what a client sends
    """Return the strings of a `format` that is an enum, None if there is no format.

    Raises:
        ApiError: 500 for what no schema is, and 501 for schemas that the stand-in has not learnt.
    """
    if schema in (None, ""):
        return None
    if isinstance(schema, dict) and schema.get("type") == "string" and schema.get("enum"):
        return [str(text) for text in schema["enum"]]
    if isinstance(schema, dict) or schema == "json":
        raise ApiError(501, "the stand-in constrains to string enums only")
    raise ApiError(500, f'invalid format: {schema!r}; expected "json" or a valid JSON Schema object')
