"""Skills: what was defined, and the index."""

from typing import Literal

from promptbreeder.results.accuracy import Accuracy
from promptbreeder.results.base import Result


class SplitCounts(Result):
    """Examples per split."""

    train: int = 0
    search: int = 0
    gate: int = 0

    def __str__(self) -> str:
        return f"{self.train} train, {self.search} search, {self.gate} gate"


class SkillReport(Result):
    """Result of defining or extending a skill."""

    skill: str
    outcome: Literal["created", "extended", "unchanged"]
    model: str
    metric: str
    version: int
    """The version that holds the prompt given (an existing one when nothing changed); without one, production's."""
    variant: int | None = None
    """The version that holds the second prompt, where one was given."""
    production: int
    uris: tuple[str, ...]
    """Resources of these versions."""
    added: int
    duplicates: int
    """Examples given that the skill knows already, by their input."""
    contradictions: int = 0
    """Of the duplicates: those with another answer than the stored, which was kept."""
    examples: SplitCounts
    examples_missing: int
    """About how many more examples it takes to evolve; 0 where there are enough, or it is not evolved at all."""
    warnings: tuple[str, ...] = ()
    next_step: str

    def __str__(self) -> str:
        versions = f"version {self.version}" if self.variant is None else f"versions {self.version} and {self.variant}"
        against = f" ({self.contradictions} of them with another answer)" if self.contradictions else ""
        missing = f"; about {self.examples_missing} more are needed to evolve" if self.examples_missing else ""
        lines = [
            (
                f"Skill '{self.skill}' {self.outcome} on {self.model}: {versions} (production: {self.production}); "
                f"{', '.join(self.uris)}"
            ),
            f"Examples: {self.added} added, {self.duplicates} duplicates{against}; now {self.examples}{missing}.",
            f"Metric: {self.metric}.",
            *(f"Warning: {warning}" for warning in self.warnings),
            self.next_step,
        ]
        return "\n".join(lines)


class SkillLine(Result):
    """One skill in the index."""

    skill: str
    description: str
    model: str
    production: int
    versions: int
    examples: int
    gate: Accuracy | None
    run: str | None
    """Id of the run that is going on, if any."""

    def __str__(self) -> str:
        gate = "not measured" if self.gate is None else str(self.gate)
        running = f", run {self.run} going on" if self.run else ""
        return (
            f"{self.skill}: production version {self.production} of {self.versions}, gate accuracy {gate}, "
            f"{self.examples} examples, on {self.model}{running}. {self.description}"
        )
