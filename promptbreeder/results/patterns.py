"""Patterns and their records."""

from promptbreeder.results.base import Result


class PatternLine(Result):
    """One pattern of the library, and what became of it on the skills of one family of models."""

    pattern: str
    family: str | None = None
    """Family of models that the record is about; null for a pattern that no finished run has tried."""
    won: int = 0
    """Skills on which the winner of a run had it, production had not, and the winner was better on the gate split."""
    skills: int = 0
    """Skills on which a winner had it, or it was a first candidate."""
    median_gain: float | None = None
    """Median of the gate accuracy gained by winners that had it: theirs as a whole, whatever else they had."""
    offered: bool = False
    """It is a first candidate of the next run of another skill."""

    def __str__(self) -> str:
        if self.family is None:
            return f"{self.pattern}: not tried yet."
        gain = "" if self.median_gain is None else f", median gain {self.median_gain:+.2f}"
        next_run = "; offered to the next skill" if self.offered else ""
        return f"{self.pattern}: won on {self.won} of {self.skills} skills on {self.family}{gain}{next_run}."
