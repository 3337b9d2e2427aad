"""What a method comes to, as a row of the results."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from laboratory import Scores  # beside this file

from promptbreeder.evaluation.meter import Usage
from promptbreeder.evidence.intervals import wilson

Row = dict[str, Any]
OWN = "free"
"""The decoding of what knows no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Scores, costs and prompt of one method with one seed."""

    judged: Mapping[str, Scores]
    """Scores on the lines that judge, by way of decoding."""
    decoding: str = OWN
    """The way that the method itself ended in."""
    development: Scores
    """Scores on the development lines, that way."""
    usage: Usage = field(default_factory=Usage)
    """Of the search; judging is not part of it."""
    seconds: float = 0.0
    prompt: Mapping[str, Any] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def row(self) -> Row:
        """Return the fields of the row."""
        own = self.judged[self.decoding]
        interval = wilson(sum(own), len(own))
        return {
            "accuracy": _mean(own),
            "interval": [round(interval.low, 4), round(interval.high, 4)],
            "lines": len(own),
            "development_accuracy": _mean(self.development),
            "decoding": self.decoding,
            "by_decoding": {name: _mean(scores) for name, scores in self.judged.items()},
            **costs(self.usage, self.seconds),
            "prompt": self.prompt,
            **self.more,
        }


def costs(usage: Usage, seconds: float) -> Row:
    """Return what a search was charged. A cache hit is a call that cost nothing."""
    return {
        "calls": usage.calls,
        "cache_hits": usage.cache_hits,
        "prompt_tokens": usage.prompt_tokens,
        "generated_tokens": usage.completion_tokens,
        "tokens": usage.tokens,
        "seconds": round(seconds, 1),
    }


def _mean(scores: Scores) -> float:
    return round(sum(scores) / len(scores), 4)
