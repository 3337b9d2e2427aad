"""Runs: how far one is, or what it brought."""

from typing import Literal

from pydantic import Field

from promptbreeder.results.base import Result


class _Measured(Result):
    """A prompt that has been measured on the whole search split."""

    prompt: str
    search_score: float
    """Accuracy on the search split: optimistic, since the prompt was chosen by it."""
    decoding: str
    demonstrations: int
    second_instruction: str = ""
    """Of a prompt that works in two steps: turns the working-out into the answer."""

    @property
    def texts(self) -> str:
        """The instruction, quoted, and the second one where there is one."""
        return f"{self.prompt!r}{f', then {self.second_instruction!r}' if self.second_instruction else ''}"


class BestSoFar(_Measured):
    """The best candidate so far."""


RunStatus = Literal["queued", "running", "paused", "cancelled", "failed", "finished"]


class Leader(_Measured):
    """One of the best prompts of a run."""


class Failure(Result):
    """A train example that the best prompt got wrong."""

    input: str
    expected: str
    answered: str


class Brief(Result):
    """What somebody who writes prompts for a run needs to know; of examples, only those of the train split."""

    task: str
    labels: tuple[str, ...]
    best: tuple[Leader, ...]
    """Each text once, best first."""
    attempted: int
    """Train examples that the best prompt was tried on for this brief."""
    failures: tuple[Failure, ...]
    tried: dict[str, str]
    """By operator: how many of its children beat their parents."""
    limits: str
    answer_with: str
    """The call that hands prompts in."""

    def __str__(self) -> str:
        lines = [f"Task: {self.task}"]
        if self.labels:
            lines.append(f"Labels: {', '.join(self.labels)}")
        lines.append("Best prompts so far:" if self.best else "No prompt is measured yet.")
        lines += [
            f"- {leader.search_score:.2f}, {leader.decoding}, {leader.demonstrations} demonstrations: {leader.texts}"
            for leader in self.best
        ]
        wrong = f"{len(self.failures)} of {self.attempted} train examples tried"
        lines.append(f"The best one, or the one before it, was wrong on {wrong}:")
        lines += [f"- {f.input!r}: expected {f.expected!r}, answered {f.answered!r}" for f in self.failures]
        if self.tried:
            told = ", ".join(f"{name} {record}" for name, record in self.tried.items())
            lines.append(f"Tried (better than the parent, of all): {told}")
        return "\n".join([*lines, self.limits, self.answer_with])


class Candidates(Result):
    """What became of the prompts handed in to a run."""

    handed_in: int
    """Different ones, at the start and since."""
    measured: int
    unmeasured: int
    """They wait for the next generation; once the run has ended, in vain."""
    best: float | None
    """Accuracy of the best of them on the search examples it was measured on: optimistic."""
    baseline: float | None
    """Accuracy of the production prompt on the same ones."""
    examples: int
    """How many those are."""


class _Report(Result):
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
    inherited: str = ""
    """What was taken over from other skills, and what it brought; empty where nothing was."""
    likelihood_agreement: float | None = None
    """Rank correlation of the expected label's likelihood with accuracy; from 0.5 on likelihood helps to rank."""
    candidates: Candidates | None = None
    """Those handed in; null where there were none."""
    retry: dict[str, str | int] = Field(default_factory=dict)
    """Arguments of another try after a run without a new version: its own, where not the default, and another seed."""
    next_step: str

    def __str__(self) -> str:
        lines = [f"Run {self.run_id} on '{self.skill}': {self.status}. {self.verdict}".rstrip()]
        if self.best is not None:
            baseline = "" if self.baseline is None else f" (production {self.baseline:.2f})"
            lines.append(
                f"Best on search: {self.best.search_score:.2f}{baseline}, {self.best.decoding} decoding, "
                f"{self.best.demonstrations} demonstrations: {self.best.texts}"
            )
        reached = f"Generation {self.generation}/{self.generations}" if self.generations else "First population"
        progress = f"{reached}; {self.tokens:,} of {self.budget_tokens:,} tokens"
        eta = "" if self.eta_seconds is None else f"; about {self.eta_seconds:.0f} s left"
        lines.append(
            f"{progress} ({self.prompt_tokens:,} read, {self.completion_tokens:,} written); {self.calls:,} calls, "
            f"{self.cache_hits:,} from the cache; {self.seconds:.0f} s{eta}; strategy {self.strategy}."
        )
        if self.inherited:
            lines.append(self.inherited)
        if self.candidates is not None:
            lines.append(self._told(self.candidates))
        if self.rejected:
            told = ", ".join(f"{reason} {count}" for reason, count in self.rejected.items())
            lines.append(f"Writer texts rejected: {told}.")
        if self.likelihood_agreement is not None:
            lines.append(
                f"Likelihood ranks prompts like accuracy: {self.likelihood_agreement:+.2f} (helps from 0.50 on)."
            )
        return "\n".join([*lines, self.next_step])

    def _told(self, candidates: Candidates) -> str:
        parts = [f"{candidates.handed_in} handed in", f"{candidates.measured} measured"]
        if candidates.unmeasured:
            goes_on = self.status in {"queued", "running", "paused"}
            parts.append(f"{candidates.unmeasured} {'waiting' if goes_on else 'not measured'}")
        if candidates.best is not None:
            production = "" if candidates.baseline is None else f" (production {candidates.baseline:.2f})"
            parts.append(f"best {candidates.best:.2f} on {candidates.examples} search examples{production}")
        return f"Candidates: {', '.join(parts)}."


class RunReport(_Report):
    """What all say of a run but `get_run`, whose brief would make their schemas half as long again."""

    brief: None = None
    """Only `get_run` tells it."""


class BriefedRun(_Report):
    """What `get_run` says of a run."""

    brief: Brief | None = None
    """For whoever writes prompts for the run; where it was asked for."""

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *([] if self.brief is None else [str(self.brief)])])
