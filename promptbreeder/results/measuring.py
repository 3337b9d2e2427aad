"""What is measured before and after evolving."""

from promptbreeder.results.base import Result


class Row(Result):
    """One line of the comparison that the demo prints."""

    name: str
    accuracy: float
    low: float
    high: float
    n: int
    tokens: float
    """Mean tokens an item costs with a warm prefix: read anew + generated."""


class Headroom(Result):
    """What there is to gain, measured on up to 40 search examples before anything is spent."""

    skill: str
    n: int
    free: float
    """Accuracy of the production prompt under free decoding."""
    constrained: float | None
    """The same, choosing among the labels."""
    majority: float | None
    """Share of the most frequent expected answer: what a constant answer would get."""
    unparsable: float
    """Share of free answers in which no answer of the expected form was found."""
    favourite: str | None
    """The label that is chosen most often."""
    favourite_share: float | None
    """How often; far above its true share it shows label bias."""
    verdict: str

    def __str__(self) -> str:
        parts = [f"as it is {self.free:.2f}"]
        if self.constrained is not None:
            parts.append(f"choosing among the labels {self.constrained:.2f}")
        if self.majority is not None:
            parts.append(f"always the commonest answer {self.majority:.2f}")
        parts.append(f"no usable answer {self.unparsable:.0%}")
        if self.favourite is not None and self.favourite_share is not None:
            parts.append(f"answers '{self.favourite}' {self.favourite_share:.0%} of the time")
        return f"Headroom on {self.n} examples: {', '.join(parts)}. {self.verdict}"
