"""What is known of versions."""

from typing import Literal

from pydantic import Field

from promptbreeder.results.accuracy import Accuracy
from promptbreeder.results.base import Result
from promptbreeder.results.drift import Drift
from promptbreeder.results.duels import VoteTest
from promptbreeder.results.skills import SkillLine


class FitnessParts(Result):
    """The weighted formula, spelt out."""

    fitness: float
    accuracy: float
    latency_score: float
    latency_seconds: float
    preference: float


PromotionVerdict = Literal["ready", "more evidence needed", "worse", "insufficient examples", "gate worn"]


class Evidence(Result):
    """What speaks for putting a version in the place of production, and what is missing."""

    verdict: PromotionVerdict
    better: int | None
    """Gate examples on which the version scored higher than production; null for a skill judged by votes alone."""
    worse: int | None
    """Gate examples on which it scored lower."""
    difference: float | None
    """Its accuracy minus production's, on the same examples."""
    gate_e: float | None
    """E-value of the gate: evidence that the version is better."""
    mcnemar_p: float | None
    """Two-sided exact p-value, valid for one look; null for graded scores."""
    left_out: int = 0
    """Gate examples that were not compared on: they came from answers of one of the two or its parents, so how it did
    on them chose them, or its prompt shows them."""
    gate_uses: int
    """Evolved candidates that these gate examples judged before."""
    votes: VoteTest
    product: float
    """The evidence that counts, gate times votes: enough at 20."""
    more_gate_examples: int | None
    """So many more gate examples suffice with 80 % probability; null where none are needed or none would help."""
    more_votes: int | None
    """So many more votes won in a row suffice; null where none are needed or none would help."""

    def __str__(self) -> str:
        lines = []
        if self.better is not None:
            p = "" if self.mcnemar_p is None else f", McNemar p {self.mcnemar_p:.3g}"
            lines.append(
                f"On the same gate examples: {self.better} better, {self.worse} worse than production (difference "
                f"{self.difference:.2f}, E {self.gate_e:.3g}{p}); {self.gate_uses} candidates were judged so before"
            )
        lines += [f"Votes: {self.votes}", f"Evidence together: {self.product:.3g} of 20; {self.verdict}"]
        if self.more_gate_examples is not None:
            lines.append(f"Gate examples that would do: {self.more_gate_examples} more")
        if self.more_votes is not None:
            lines.append(f"Votes won in a row that would do: {self.more_votes} more")
        return "\n".join(lines)


class VersionFitness(Result):
    """What is known of one version."""

    skill: str
    version: int
    production: bool
    decoding: str
    gate: Accuracy | None
    """Accuracy on the gate split, without examples that came from answers of it or its parents or, beside production,
    of production or its parents; null until measured or when the skill has no expected answers."""
    gate_free: Accuracy | None = None
    """The same under free decoding: what somebody gets who can only paste the text."""
    production_gate: Accuracy | None = None
    """The production version's, for comparison."""
    search_score: float | None = None
    """Accuracy on the search split: optimistic."""
    parts: FitnessParts | None = None
    tokens: float | None = None
    """Tokens of an answer on average, read anew with a warm prefix and generated."""
    unparsable: int | None = None
    """Answers on the gate split in which no answer of the expected form was found."""
    votes: dict[str, int] = Field(default_factory=dict)
    """Duels won and lost against whichever version."""
    verdict: str
    """One sentence: may it be promoted, and if not, what is missing."""
    evidence: Evidence | None = None
    """The same in fields; null for the version in production."""
    inherited: str = ""
    """What the run that made it had taken over from other skills, and what that brought."""
    flags: tuple[str, ...] = ()
    """What in its text could be meant for an assistant that reads it; promote then asks for force."""
    drift: Drift | None = None
    """What live outcomes say; of the version in production only."""
    headroom: str | None = None
    """What the last headroom check said, or how to make one; of the version in production only."""

    def __str__(self) -> str:
        state = "production" if self.production else "not in production"
        flagged = f"Flagged, so promote asks for force; read its text first: {'; '.join(self.flags)}"
        lines = [
            f"'{self.skill}' version {self.version} ({state}, {self.decoding} decoding): {self.verdict}",
            *([flagged] if self.flags else []),
        ]
        if self.gate is not None:
            lines.append(f"Gate accuracy {self.gate}")
        if self.production_gate is not None and not self.production:
            lines.append(f"Production's gate accuracy {self.production_gate}")
        if self.gate_free is not None:
            lines.append(f"Pasted as text (free decoding) {self.gate_free}")
        if self.search_score is not None:
            lines.append(f"Search score (optimistic) {self.search_score:.2f}")
        if self.votes:
            lines.append("Duels: " + ", ".join(f"{count} {outcome}" for outcome, count in self.votes.items()))
        if self.evidence is not None:
            lines.append(str(self.evidence))
        if self.tokens is not None:
            lines.append(f"{self.tokens:.2f} tokens an answer, {self.unparsable} answers unparsable")
        if self.parts is not None:
            parts = self.parts
            lines.append(
                f"Fitness {parts.fitness:.3f} = accuracy {parts.accuracy:.2f}, latency score {parts.latency_score:.2f} "
                f"({parts.latency_seconds:.2f} s), preference {parts.preference:.2f}, weighted"
            )
        lines += [self.inherited] if self.inherited else []
        lines += [f"Live: {self.drift}"] if self.drift is not None else []
        lines += [self.headroom] if self.headroom is not None else []
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
        return "\n".join(lines) or "No skills yet: call define_skill, or `promptbreeder-mcp import FILE`."
