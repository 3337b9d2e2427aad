"""Budgets and counters.

Budgets charge the nominal cost of a reply, the cost stored with it, whether it was computed or came from the cache: so
a warm cache or a resume changes neither the path of a run nor its winner. What was really computed is counted beside.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Self


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts of model work."""

    calls: int = 0
    """Items answered by the model, cache hits included."""
    prompt_tokens: int = 0
    """Tokens read, a block's shared prefix counted once; cache hits included."""
    completion_tokens: int = 0
    cache_hits: int = 0
    """Items among `calls` that came from the cache."""
    computed_tokens: int = 0
    """Tokens really read and generated: cache hits left out."""

    @property
    def tokens(self) -> int:
        """Nominal tokens: what a budget is charged."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Self) -> Self:
        """Return the sum, field by field."""
        return type(self)(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})

    def __sub__(self, other: Self) -> Self:
        """Return the difference, field by field."""
        return type(self)(**{f.name: getattr(self, f.name) - getattr(other, f.name) for f in fields(self)})


@dataclass(slots=True)
class Meter:
    """Counts usage against a budget; without limits it only counts."""

    token_limit: int | None = None
    call_limit: int | None = None
    in_parts: bool = False
    """Whether a block that might not fit is sent in parts, as far as they fit."""
    used: Usage = field(default_factory=Usage)
    seen: dict[str, None] = field(default_factory=dict)
    """Keys of the blocks charged so far, in order: asked again by the same run, a block costs nothing."""

    def admits(self, tokens: int, calls: int) -> bool:
        """Return whether work of at most `tokens` and `calls` still fits: asked before every block is sent."""
        return (self.token_limit is None or self.used.tokens + tokens <= self.token_limit) and (
            self.call_limit is None or self.used.calls + calls <= self.call_limit
        )

    @property
    def share(self) -> float:
        """Share of the limits that is used up, of tokens or of calls, whichever is more; 0 without limits."""
        used = ((self.used.tokens, self.token_limit), (self.used.calls, self.call_limit))
        return max((count / max(1, limit) for count, limit in used if limit is not None), default=0.0)

    def charge(self, usage: Usage, key: str) -> None:
        """Add the usage of the block `key`."""
        self.used += usage
        self.seen[key] = None

    def restore(self, usage: Usage, keys: Iterable[str]) -> None:
        """Add what a journal says was charged."""
        self.used += usage
        self.seen.update(dict.fromkeys(keys))
