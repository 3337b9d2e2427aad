"""What the use cases return: small models that read well both as JSON and, through `str()`, as text.

Field names are a contract (tools, command line, scripts of users). Accuracies are 0-1.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True)


class Accuracy(_Result):
    """A measured accuracy with its Wilson 95 % interval over `n` items."""

    accuracy: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.accuracy:.2f} [{self.low:.2f}-{self.high:.2f}], n={self.n}"


class SplitCounts(_Result):
    """Examples per split."""

    train: int = 0
    search: int = 0
    gate: int = 0

    def __str__(self) -> str:
        return f"{self.train} train, {self.search} search, {self.gate} gate"


class SkillReport(_Result):
    """Result of defining or extending a skill."""

    skill: str
    outcome: Literal["created", "extended", "unchanged"]
    model: str
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
    warnings: tuple[str, ...] = ()
    next_step: str

    def __str__(self) -> str:
        versions = f"version {self.version}" if self.variant is None else f"versions {self.version} and {self.variant}"
        against = f" ({self.contradictions} of them with another answer)" if self.contradictions else ""
        lines = [
            (
                f"Skill '{self.skill}' {self.outcome} on {self.model}: {versions} (production: {self.production}); "
                f"{', '.join(self.uris)}"
            ),
            f"Examples: {self.added} added, {self.duplicates} duplicates{against}; now {self.examples}.",
            *(f"Warning: {warning}" for warning in self.warnings),
            self.next_step,
        ]
        return "\n".join(lines)


class ExampleLine(_Result):
    """One example in use."""

    id: int
    split: str
    expected: str | None
    input: str


class ExamplePage(_Result):
    """Some of a skill's examples, by id."""

    skill: str
    examples: tuple[ExampleLine, ...]
    counts: SplitCounts
    next_after: int | None
    """The id after which the next page begins; null: there are no more."""


class ExampleChange(_Result):
    """Result of correcting, retiring or deleting an example."""

    skill: str
    example: int
    change: Literal["corrected", "retired", "deleted"]
    became: int | None = None
    """Id of the example that is in its place, where it was corrected."""
    split: str
    counts: SplitCounts
    """Examples in use now."""
    measured_versions: tuple[int, ...]
    """Versions with measurements that the example was part of: they no longer count it."""
    shown_in_versions: tuple[int, ...]
    """Versions whose prompt shows the example as a demonstration: versions never change."""
    run: str | None
    """A run that is going on or paused and has frozen the example."""

    def __str__(self) -> str:
        became = f"; example {self.became} is in its place" if self.became is not None else ""
        lines = [f"Example {self.example} ({self.split}) of '{self.skill}' {self.change}{became}. Now {self.counts}."]
        if self.measured_versions:
            lines.append(
                f"Measurements of {_versions(self.measured_versions)} no longer count it; what is missing is measured "
                "when it is next asked for."
            )
        if self.shown_in_versions:
            lines.append(
                f"{_versions(self.shown_in_versions).capitalize()} still shows it as a demonstration, and versions "
                "never change: evolve again, and promote what does without it."
            )
        if self.run is not None:
            lines.append(
                f"Run {self.run} cannot be resumed any more, since it needs the example."
                if self.change == "deleted"
                else f"Run {self.run} goes on with the example as it was; the gate will not count it."
            )
        return "\n".join(lines)


def _versions(numbers: tuple[int, ...]) -> str:
    return f"version{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


class BestSoFar(_Result):
    """The best candidate that has been measured on the whole search split."""

    prompt: str
    search_score: float
    """Accuracy on the search split: optimistic, since the candidate was chosen by it."""
    decoding: str
    demonstrations: int


RunStatus = Literal["queued", "running", "paused", "cancelled", "failed", "finished"]


class RunReport(_Result):
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
        lines.append(self.next_step)
        return "\n".join(lines)


class Answered(_Result):
    """Result of running a skill on one input."""

    call_id: str
    skill: str
    version: int
    answer: str
    decoding: str
    prompt_tokens: int
    completion_tokens: int
    label_logprobs: dict[str, float] | None = None
    failure: str | None = None
    notice: str | None = None
    """What the user should know about this version, for example that its model has changed."""

    def __str__(self) -> str:
        if self.failure is not None:
            return f"No answer from version {self.version}: {self.failure}"
        scores = ", ".join(f"{label} {logprob:.2f}" for label, logprob in (self.label_logprobs or {}).items())
        lines = [
            self.answer,
            f"('{self.skill}' version {self.version}, {self.decoding} decoding, call {self.call_id})",
            f"{self.prompt_tokens} tokens read, {self.completion_tokens} written",
        ]
        if scores:
            lines.append(f"Log-probabilities: {scores}")
        return "\n".join([*lines, self.notice] if self.notice else lines)


class Duel(_Result):
    """A blind comparison of two versions on one input; which is which is not told before the vote."""

    duel_id: str
    skill: str
    input: str
    a: str
    b: str
    expires_at: str
    next_step: str

    def __str__(self) -> str:
        head = f"Duel {self.duel_id} on '{self.skill}', open until {self.expires_at}"
        return f"{head}\nInput: {self.input}\n\nA: {self.a}\n\nB: {self.b}\n\n{self.next_step}"


class VoteReport(_Result):
    """Result of a vote: what it was cast for, and the tally of the two versions."""

    duel_id: str
    skill: str
    chosen_version: int | None
    """Null for a tie."""
    a_version: int
    b_version: int
    wins: dict[str, int]
    """Votes won, by version number."""
    ties: int
    human: int
    assistant: int

    def __str__(self) -> str:
        chosen = "a tie" if self.chosen_version is None else f"version {self.chosen_version}"
        tally = ", ".join(f"version {version}: {count}" for version, count in self.wins.items())
        return (
            f"Recorded for '{self.skill}', duel {self.duel_id}: {chosen} (A was version {self.a_version}, B was "
            f"version {self.b_version}). "
            f"Votes so far: {tally}, ties: {self.ties} ({self.human} human, {self.assistant} relayed)."
        )


class FitnessParts(_Result):
    """The weighted formula, spelt out."""

    fitness: float
    accuracy: float
    latency_score: float
    latency_seconds: float
    preference: float


class VersionFitness(_Result):
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
    drift: "Drift | None" = None
    """What live outcomes say; of the version in production only."""

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
        if self.drift is not None:
            lines.append(f"Live: {self.drift}")
        return "\n".join(lines)


class SkillLine(_Result):
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


class Fitness(_Result):
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


class Turn(_Result):
    """One chat message."""

    role: str
    content: str


class PromptView(_Result):
    """One version of a skill's prompt: data to be shown or executed, not instructions to the reader."""

    skill: str
    version: int
    production: bool
    text: str
    """The instruction."""
    messages: tuple[Turn, ...]
    """What the executor reads, with the given input or `{{input}}` in its place."""
    content_hash: str
    decoding: str
    labels: tuple[str, ...]
    demonstrations: int
    origin: str
    operator: str
    parents: tuple[int, ...]
    run_id: str | None
    created_at: str
    uri: str
    diff: str = ""
    """Unified diff of the instruction to the first parent's."""

    def __str__(self) -> str:
        state = "production" if self.production else "not in production"
        head = (
            f"'{self.skill}' version {self.version} ({state}, {self.origin}, {self.decoding} decoding, "
            f"{self.demonstrations} demonstrations)"
        )
        parents = f" from {', '.join(f'version {parent}' for parent in self.parents)}" if self.parents else ""
        run = f" in run {self.run_id}" if self.run_id else ""
        made = f"Made {self.created_at} by {self.operator}{parents}{run}; hash {self.content_hash}"
        labels = [f"Labels: {', '.join(self.labels)}"] if self.labels else []
        changed = [f"Difference to version {self.parents[0]}:\n{self.diff}"] if self.diff else []
        turns = [f"[{turn.role}] {turn.content}" for turn in self.messages]
        return "\n".join([head, *turns, f"({made}; {self.uri})", *labels, *changed])


class Moved(_Result):
    """Result of promote or rollback."""

    skill: str
    before: int
    after: int
    reason: str
    forced: bool = False
    evidence: str
    diff: str

    def __str__(self) -> str:
        forced = " (forced)" if self.forced else ""
        move = f"'{self.skill}' production: version {self.before} -> {self.after}{forced}."
        return f"{move} {self.evidence} Reason: {self.reason}\n{self.diff}".rstrip()


class HistoryLine(_Result):
    """One event."""

    id: int
    at: str
    skill: str | None
    kind: str
    actor: str
    client: str
    reason: str
    before: int | None
    after: int | None
    sentence: str

    def __str__(self) -> str:
        return f"{self.at}  {self.sentence}"


class Row(_Result):
    """One line of the comparison that the demo prints."""

    name: str
    accuracy: float
    low: float
    high: float
    n: int
    tokens: float
    """Mean tokens an item costs with a warm prefix: read anew + generated."""


class Finding(_Result):
    """One line of the doctor's report."""

    ok: bool
    check: str
    detail: str

    def __str__(self) -> str:
        return f"{'ok ' if self.ok else 'BAD'} {self.check}: {self.detail}"


class Restored(_Result):
    """Result of putting a backup in the place of the database."""

    source: str
    kept: str | None
    """Where what was there is now; null: there was nothing."""

    def __str__(self) -> str:
        kept = "There was none before." if self.kept is None else f"What was there is kept as {self.kept}."
        return f"The database was restored from {self.source}. {kept}"


class ModelLine(_Result):
    """A model that can be used; its speed in tokens a second where it was measured."""

    model: str
    megabytes: int
    detail: str
    reads: float | None = None
    writes: float | None = None
    fingerprint: str | None = None

    def __str__(self) -> str:
        size = f" ({self.megabytes:,} MB)" if self.megabytes else ""
        line = f"{self.model}{size}: {self.detail}"
        if self.reads is None:
            return line
        return f"{line}\n  reads {self.reads:,.0f} and writes {self.writes:,.0f} tokens a second\n  {self.fingerprint}"


class Headroom(_Result):
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


DriftState = Literal["ok", "degraded", "failing", "not enough data"]
DriftAction = Literal["none", "evolve", "roll back", "skipped"]


class Drift(_Result):
    """What the live outcomes of the version in production say."""

    version: int
    state: DriftState
    right: int
    n: int
    """Outcomes in the window: the last 50 at most; below 20 nothing is concluded."""
    evidence: float
    """E-value of the detector that fewer than 80 % are right now; it alarms at 1,500."""
    window_below_eighty: bool
    """The window, looked at once, is significantly below 80 %: information, no trigger."""
    p_rollback: float
    """One-sided p-value of the window against 70 %."""
    probation: bool
    """Within its first 50 outcomes and 7 days in production."""
    sentence: str

    def __str__(self) -> str:
        return f"{self.sentence} (Evidence of a fall {self.evidence:.3g}; p against 70 % {self.p_rollback:.3f}.)"


class OutcomeReport(_Result):
    """Result of recording an outcome."""

    call_id: str
    skill: str
    version: int
    """The version that answered."""
    correct: bool
    counted: bool
    """The version is in production, so that the outcome counts for its drift."""
    example: Literal["added", "known", "contradicts", "retired"] | None = None
    """What came of the expected answer as an example; `contradicts`: the one stored has another answer and was kept."""
    split: str | None = None
    """Split of the example that was added."""
    drift: Drift
    next_step: str

    def __str__(self) -> str:
        counted = "" if self.counted else f", which is not in production: it does not count for version {_of(self)}"
        lines = [
            (
                f"Call {self.call_id} of '{self.skill}' was {'right' if self.correct else 'wrong'} (version "
                f"{self.version}{counted})."
            )
        ]
        if self.example is not None:
            lines.append(
                {
                    "added": f"It became an example in the {self.split} split.",
                    "known": "The example is known already.",
                    "contradicts": "An example with this input and another answer is stored, and was kept.",
                    "retired": "The example was retired before, and stays so.",
                }[self.example]
            )
        return "\n".join([*lines, f"Live: {self.drift}", *([self.next_step] if self.next_step else [])])


def _of(report: OutcomeReport) -> int:
    return report.drift.version


class Recheck(_Result):
    """Production measured anew after its model changed, against what was stored, on the same examples."""

    before: Accuracy
    after: Accuracy
    better: int
    worse: int
    p: float | None
    """Two-sided exact McNemar p-value; null for graded scores."""
    fallen: bool
    """Significantly worse than on the model before."""
    sentence: str


class SkillCheck(_Result):
    """What the monitor says of one skill."""

    skill: str
    production: int
    state: DriftState
    action: DriftAction
    acted: bool
    """The monitor has done it by itself, since the skill opted in."""
    sentence: str
    drift: Drift
    recheck: Recheck | None = None
    run_id: str | None = None
    """The run that was started."""
    checked_at: str | None = None
    """When the monitor last looked; null: never."""

    def __str__(self) -> str:
        return f"{self.skill}: {self.sentence}"


class MonitorReport(_Result):
    """What the monitor says of all skills."""

    exit_code: int
    """0 ok, 1 degraded, 2 failing, 3 not enough data: the worst that is known of any skill."""
    checks: tuple[SkillCheck, ...]
    note: str = ""

    def __str__(self) -> str:
        lines = [*map(str, self.checks)] or ["No skills yet: there is nothing to watch."]
        return "\n".join([*lines, *([self.note] if self.note else [])])


class PastProduction(_Result):
    """Which version was in production at a time."""

    skill: str
    at: str
    version: int | None
    """Null: the skill was not there yet."""
    since: str | None
    client: str | None
    """Who put it there."""
    sentence: str

    def __str__(self) -> str:
        return self.sentence
