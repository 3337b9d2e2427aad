"""A measured accuracy."""

from promptbreeder.results.base import Result


class Accuracy(Result):
    """A measured accuracy with its Wilson 95 % interval over `n` items."""

    accuracy: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.accuracy:.2f} [{self.low:.2f}-{self.high:.2f}], n={self.n}"
