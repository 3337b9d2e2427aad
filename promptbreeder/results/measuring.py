"""What is measured before and after evolving."""

from typing import Literal

from promptbreeder.results.base import Result

NO_GATE_EXAMPLE = "no gate example counts"
"""None is in the gate split, or each came from an answer of what is measured or is shown in its prompt."""


class Row(Result):
    """One line of the comparison that the demo prints; null where no gate example counts."""

    name: str
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    tokens: float | None = None
    """Mean tokens an item costs with a warm prefix: read anew + generated."""

    @property
    def cells(self) -> tuple[str, ...]:
        """The line as text: name, accuracy, interval, examples, tokens."""
        if self.accuracy is None:
            return (self.name, f"not measured: {NO_GATE_EXAMPLE}", "", str(self.n), "")
        return (self.name, f"{self.accuracy:.2f}", f"{self.low:.2f}-{self.high:.2f}", str(self.n), str(self.tokens))


HeadroomKind = Literal["solved", "decoding", "room", "none"]


class Headroom(Result):
    """What there is to gain: the production prompt beside cheap variants, on up to 40 search examples."""

    skill: str
    version: int
    """The production version that was checked."""
    n: int
    as_it_is: float
    """Accuracy of the production version."""
    best: float
    """Accuracy of the best prompt tried: optimistic, since it was chosen by it."""
    best_by: str
    """What that one changes."""
    tried: int
    """Variants; fewer where it was clear before."""
    spread: float
    """Between the best and the worst accuracy."""
    noise: float
    """The lead that the best of all variants has by chance in one of 20 cases."""
    majority: float | None
    """Share of the most frequent expected answer: what a constant answer would get."""
    unparsable: float
    """Share of the production version's answers in which no answer of the expected form was found."""
    favourite: str | None
    """The label that is chosen most often."""
    favourite_share: float | None
    label_bias: float | None
    """`favourite_share` less the share of the examples that have this label."""
    kind: HeadroomKind
    """What there is to gain: nothing more, something by decoding alone, something, or nothing that shows."""
    worth_it: bool
    verdict: str
    """The same in words."""

    def __str__(self) -> str:
        parts = [f"as it is {self.as_it_is:.2f}"]
        if self.tried:
            variants = "variant" if self.tried == 1 else "variants"
            parts.append(f"best of {self.tried} cheap {variants} {self.best:.2f} ({self.best_by})")
            parts.append(f"a lead up to {self.noise:.2f} may be chance")
        if self.majority is not None:
            parts.append(f"always the commonest answer {self.majority:.2f}")
        parts.append(f"no usable answer {self.unparsable:.0%}")
        if self.favourite is not None and self.favourite_share is not None:
            parts.append(f"answers '{self.favourite}' {self.favourite_share:.0%} of the time")
        return f"Headroom on {self.n} examples: {', '.join(parts)}. {self.verdict}"
