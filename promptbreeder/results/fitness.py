"""What is known of versions."""

from pydantic import Field

from promptbreeder.results.accuracy import Accuracy
from promptbreeder.results.base import Result
from promptbreeder.results.skills import SkillLine


class FitnessParts(Result):
    """The weighted formula, spelt out."""

    fitness: float
    accuracy: float
    latency_score: float
    latency_seconds: float
    preference: float


class VersionFitness(Result):
    """What is known of one version."""

    skill: str
    version: int
    production: bool
    decoding: str
    gate: Accuracy | None
    """Accuracy on the gate split; null until measured or when the skill has no expected answers."""
    gate_free: Accuracy | None = None
    """The same under free decoding: what somebody gets who can only paste the text."""
    production_gate: Accuracy | None = None
    """The production version's, for comparison."""
    search_score: float | None = None
    """Accuracy on the search split: optimistic."""
    parts: FitnessParts | None = None
    votes: dict[str, int] = Field(default_factory=dict)
    verdict: str

    def __str__(self) -> str:
        state = "production" if self.production else "not in production"
        lines = [f"'{self.skill}' version {self.version} ({state}, {self.decoding} decoding): {self.verdict}"]
        if self.gate is not None:
            lines.append(f"Gate accuracy {self.gate}")
        if self.production_gate is not None and not self.production:
            lines.append(f"Production's gate accuracy {self.production_gate}")
        if self.gate_free is not None:
            lines.append(f"Pasted as text (free decoding) {self.gate_free}")
        if self.search_score is not None:
            lines.append(f"Search score (optimistic) {self.search_score:.2f}")
        if self.votes:
            lines.append("Votes: " + ", ".join(f"{count} {outcome}" for outcome, count in self.votes.items()))
        if self.parts is not None:
            parts = self.parts
            lines.append(
                f"Fitness {parts.fitness:.3f} = accuracy {parts.accuracy:.2f}, latency score {parts.latency_score:.2f} "
                f"({parts.latency_seconds:.2f} s), preference {parts.preference:.2f}, weighted"
            )
        return "\n".join(lines)


class Fitness(Result):
    """Result of get_fitness: one line a skill, or one version in full."""

    skills: tuple[SkillLine, ...] = ()
    more: int = 0
    """Skills that there was no room for."""
    version: VersionFitness | None = None

    def __str__(self) -> str:
        if self.version is not None:
            return str(self.version)
        more = f"And {self.more} more: get_fitness(skill=...) shows one, resource skills://index all."
        lines = [*map(str, self.skills), *([more] if self.more else [])]
        return "\n".join(lines) or "No skills yet: call define_skill first."
