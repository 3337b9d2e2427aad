"""What computes behind the stand-in."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Token = str | int
"""A brain's own tokens: the scripted one's are pieces of text, the real one's are numbers."""


@dataclass(frozen=True)
class Piece:
    """What was generated in one step: one token, or several that are one character together."""

    text: str
    logprob: float
    """Of the unconstrained, untempered distribution."""
    top_logprobs: Sequence[tuple[str, float]] = ()
    """The likeliest tokens of that distribution, best first."""
    tokens: int = 1
    end: bool = False
    """Whether this is the token that ends the turn; it has no text."""


class Brain(Protocol):
    """Reads and continues texts; everything else (templates, truncation, stop strings, limits) is the server's."""

    def tokens(self, text: str) -> list[Token]:
        """Return the tokens of a text; control tokens such as `<|im_end|>` are one each."""
        ...

    def complete(
        self, prompt: Sequence[Token], options: dict[str, Any], enum: Sequence[str] | None, n_logprobs: int
    ) -> Generator[Piece]:
        """Continue `prompt` until the turn ends or the iterator is closed.

        `options` holds temperature, seed, top_k, top_p and num_predict, all given (num_predict: at most so many tokens
        will be taken). With `enum` the answer is one of those strings, quoted as JSON. `n_logprobs` is how many
        `top_logprobs` each piece has, 0 for none.
        """
        ...
