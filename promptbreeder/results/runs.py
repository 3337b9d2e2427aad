"""Runs: how far one is, or what it brought."""

from typing import Literal

from pydantic import Field

from promptbreeder.results.base import Result


class BestSoFar(Result):
    """The best candidate that has been measured on the whole search split."""

    prompt: str
    search_score: float
    """Accuracy on the search split: optimistic, since the candidate was chosen by it."""
    decoding: str
    demonstrations: int


RunStatus = Literal["queued", "running", "paused", "cancelled", "failed", "finished"]


class RunReport(Result):
    """State of a run; the same shape while it goes on and when it has ended."""

    run_id: str
    skill: str
    status: RunStatus
    strategy: str
    generation: int
    generations: int
    best: BestSoFar | None
    baseline: float | None
    """Accuracy of the production prompt on the search split."""
    version: int | None
    """The new version's number; null while running, or when no improvement was found."""
    verdict: str
    """One sentence: what was found, or why nothing was."""
    calls: int
    tokens: int
    """Nominal tokens charged to the budget: read + generated, cached replies included."""
    budget_tokens: int
    prompt_tokens: int
    completion_tokens: int
    cache_hits: int
    seconds: float
    eta_seconds: float | None
    rejected: dict[str, int] = Field(default_factory=dict)
    """Writer texts rejected, by reason."""
    likelihood_agreement: float | None = None
    """Rank correlation of the expected label's likelihood with accuracy; from 0.5 on likelihood helps to rank."""
    next_step: str

    def __str__(self) -> str:
        lines = [f"Run {self.run_id} on '{self.skill}': {self.status}. {self.verdict}".rstrip()]
        if self.best is not None:
            baseline = "" if self.baseline is None else f" (production {self.baseline:.2f})"
            lines.append(
                f"Best on search: {self.best.search_score:.2f}{baseline}, {self.best.decoding} decoding, "
                f"{self.best.demonstrations} demonstrations: {self.best.prompt!r}"
            )
        progress = f"Generation {self.generation}/{self.generations}; {self.tokens:,} of {self.budget_tokens:,} tokens"
        eta = "" if self.eta_seconds is None else f"; about {self.eta_seconds:.0f} s left"
        lines.append(
            f"{progress} ({self.prompt_tokens:,} read, {self.completion_tokens:,} written); {self.calls:,} calls, "
            f"{self.cache_hits:,} from the cache; {self.seconds:.0f} s{eta}; strategy {self.strategy}."
        )
        if self.rejected:
            told = ", ".join(f"{reason} {count}" for reason, count in self.rejected.items())
            lines.append(f"Writer texts rejected: {told}.")
        if self.likelihood_agreement is not None:
            lines.append(
                f"Likelihood ranks prompts like accuracy: {self.likelihood_agreement:+.2f} (helps from 0.50 on)."
            )
        lines.append(self.next_step)
        return "\n".join(lines)
