"""What a server says, and no more of it than is needed; and what its answers tell of a block together.

Fields that are zero or empty are left out by some versions and null in others.
"""

import math
import os
import statistics
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from promptbreeder.text import CONTROL_TOKENS

_NANO = 1e9
_Byte = Annotated[int, Field(ge=0, le=255)]


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True)


class Token(_Said):
    """A token with its log-probability."""

    token: str = ""
    codes: tuple[_Byte, ...] | None = Field(default=None, alias="bytes")
    logprob: FiniteFloat

    @property
    def content(self) -> bytes:
        """Its bytes; a token may end within a character, and its text does not tell then."""
        return bytes(self.codes) if self.codes else self.token.encode(errors="replace")


class TakenToken(Token):
    """The token that was taken at a place, and the likeliest ones there."""

    top_logprobs: tuple[Token, ...] | None = None


class Turn(_Said):
    """What the model said in a chat."""

    content: str | None = None


class Answer(_Said):
    """An answer of /api/generate or /api/chat."""

    response: str | None = None
    message: Turn | None = None
    done: bool | None = None
    prompt_eval_count: int | None = None
    prompt_eval_duration: int | None = None
    """Nanoseconds."""
    eval_count: int | None = None
    eval_duration: int | None = None
    logprobs: tuple[TakenToken, ...] | None = None

    @property
    def text(self) -> str:
        """What was generated, by whichever route it was asked for."""
        return self.response or (self.message.content if self.message else "") or ""

    @property
    def read(self) -> int:
        """Tokens of the prompt."""
        return self.prompt_eval_count or 0

    @property
    def wrote(self) -> int:
        """Tokens that were generated."""
        return self.eval_count or 0


class VersionAnswer(_Said):
    """An answer of /api/version."""

    version: str


class Details(_Said):
    """Of a model that is listed."""

    family: str | None = None


class Listed(_Said):
    """A model in an answer of /api/tags."""

    name: str
    digest: str
    size: int | None = None
    """Bytes."""
    details: Details | None = None


class TagsAnswer(_Said):
    """An answer of /api/tags."""

    models: tuple[Listed, ...] | None = None


class ShowAnswer(_Said):
    """An answer of /api/show."""

    model_info: dict[str, Any] | None = None
    template: str | None = None
    capabilities: tuple[str, ...] | None = None


class Progress(_Said):
    """A line of a streamed answer of /api/pull or /api/create."""

    status: str | None = None
    completed: int | None = None
    """Bytes."""
    total: int | None = None
    error: str | None = None


def rate_of(tokens: int, nanoseconds: int | None) -> float:
    """Return tokens a second."""
    return max(1.0, tokens) * _NANO / max(1, nanoseconds or 0)


def shared_prefix(texts: Sequence[str], tokens: Sequence[int]) -> int:
    """Return about how many tokens the beginning has that all texts share; rather too few than too many.

    The server does not tokenise for others; it does keep that beginning from one request to the next. Its part of the
    bytes would do if all text were equally dense in tokens. Where what follows differs in length, the tokens that come
    with it tell how dense it is, and so what is left for the beginning.
    """
    asked = [(text, count) for text, count in zip(texts, tokens, strict=True) if count]
    if not asked:
        return 0
    common = len(os.path.commonprefix([text for text, _ in asked]))  # noqa: RUF071 - characters are meant, not folders
    counts = [count for _, count in asked]
    head, rests = _size(asked[0][0][:common]), [_size(text[common:]) for text, _ in asked]
    guesses = [count * head / (head + rest) for count, rest in zip(counts, rests, strict=True)]
    if len(set(rests)) > 1:
        guesses.append(statistics.linear_regression(rests, counts).intercept)
    # What follows has no more tokens than bytes.
    least = max(count - rest for count, rest in zip(counts, rests, strict=True))
    return max(0, min(min(counts) - 1, max(least, math.floor(min(guesses)))))


def _size(text: str) -> int:
    """Return the bytes of a text, where a mark of the chat format is one token and counts as one."""
    return len(CONTROL_TOKENS.sub(" ", text).encode())
