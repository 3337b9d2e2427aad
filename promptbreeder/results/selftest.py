"""What the self-test found."""

from promptbreeder.results.base import Result

_NAIVE = {
    "ahead_on_search": "better on the search examples",
    "ahead_on_gate": "more right on the gate examples",
    "majority": "the majority of the votes cast",
}


class NullCase(Result):
    """How often something was taken for better where nothing was."""

    name: str
    false: int
    """False promotions, or false wins."""
    n: int
    rate: float
    low: float
    """Wilson 95 % interval of the rate."""
    high: float
    p: float
    """Chance of so many or more if the true rate were the promised 5 %."""
    kept: bool
    """The rate is not distinguishable from 5 % or below: p is above .01."""
    naive: dict[str, int]
    """How many a simpler rule would have taken for better, on the same runs."""

    def __str__(self) -> str:
        said = f"{self.name}: {self.false} of {self.n} ({self.rate:.1%}, 95 % interval {self.low:.1%}-{self.high:.1%})"
        others = "; ".join(f"{_NAIVE[name]}: {count} ({count / self.n:.0%})" for name, count in self.naive.items())
        verdict = "not above 5 in 100 as far as so many can tell" if self.kept else f"above 5 in 100 (p = {self.p:.2g})"
        return f"{said}: {verdict}. Simpler rules would have taken for better: {others}"


class SelftestReport(Result):
    """What the self-test found."""

    cases: tuple[NullCase, ...]
    tokens: int
    """Charged by all runs."""
    seconds: float
    exit_code: int
    """0 where every case kept the promised rate, else 1."""

    def __str__(self) -> str:
        told = "No sign that it is broken" if not self.exit_code else "IT IS BROKEN"
        head = f"Promotions and wins where nothing is better; at most 5 in 100 are promised. {told}."
        return "\n".join([head, *map(str, self.cases), f"{self.tokens:,} tokens, {self.seconds:.0f} s."])
