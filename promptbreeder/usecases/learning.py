"""What a run leaves behind for other skills' runs, and what theirs had brought to it."""

from promptbreeder.evidence.evalues import LOG_SUSPECTED
from promptbreeder.evidence.graded import log_e_graded
from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.lessons import Lesson
from promptbreeder.evolution.patterns import recognised
from promptbreeder.prompt import Prompt
from promptbreeder.runs.outcome import Outcome
from promptbreeder.runs.plan import Plan
from promptbreeder.store import patterns, runs
from promptbreeder.store import units as stored_units
from promptbreeder.store.tables import Tables


def note_patterns(db: Tables, run_id: str, plan: Plan, outcome: Outcome, *, now: float) -> None:
    """Store which patterns the winner had that production had not, and which were offered in vain.

    Nothing is stored where the winner was not measured on the gate split: it is not known to be better.
    """
    gains: dict[str, float | None] = {
        name: None
        for lesson, lead in zip(plan.lessons, outcome.leads, strict=True)
        if lead is not None
        for name in lesson.patterns
    }
    won = False
    if outcome.winner is not None and outcome.winner != plan.seeds[0]:
        if outcome.gated is None or not outcome.gated.challenger.scores:
            return
        ours, theirs = outcome.gated.challenger.scores, outcome.gated.incumbent.scores
        gain = (sum(ours) - sum(theirs)) / len(ours)
        # "More right on the gate" alone is true of every other winner where nothing is better.
        won = log_e_graded([a - b for a, b in zip(ours, theirs, strict=True)]) >= LOG_SUSPECTED
        before = _patterns_of(plan.seeds[0], plan)
        gains |= {name: gain for name in _patterns_of(outcome.winner, plan) if name not in before}
    patterns.put(db, run_id, plan.skill.name, plan.skill.family, gains, won=won, now=now)


def source_of(plan: Plan, winner: Prompt) -> str | None:
    """Return what made a winner that was a first candidate from other skills; None for any other."""
    lesson = next((lesson for lesson in plan.lessons if lesson.prompt == winner), None)
    return None if lesson is None else "inherited" if lesson.skill else "patterns"


def told_of_lessons(db: Tables, run_id: str, plan: Plan, outcome: Outcome | None, version: int | None) -> str:
    """Return in one sentence what was taken over from other skills and what it brought; empty where nothing was."""
    if not plan.lessons:
        hoped = plan.skill.inherit_from if not runs.has_finished(db, plan.skill.name) else None
        return f"Nothing of '{hoped}' could be taken over." if hoped else ""
    led = [] if outcome is None else zip(plan.lessons, outcome.leads, strict=True)
    measured = [(lead, lesson) for lesson, lead in led if lead is not None]
    if not measured:
        return f"{offered(plan)} None of them was measured."
    lead, best = max(measured, key=lambda entry: entry[0])
    winner = outcome.winner if outcome is not None else None
    family = () if version is None or winner is None else _ancestors(db, run_id, winner)
    origin = next((lesson for lesson in plan.lessons if lesson.prompt.content_hash in family), None)
    return (
        f"{offered(plan)} The best, {best}: accuracy {lead:+.2f} against production on the search examples it saw; "
        f"{_outcome(version, origin, best)}."
    )


def offered(plan: Plan) -> str:
    """Return in one sentence which first candidates other skills taught; empty where none did."""
    if not plan.lessons:
        return ""
    return f"First candidates from other skills: {'; '.join(map(str, plan.lessons))}."


def _outcome(version: int | None, origin: Lesson | None, best: Lesson) -> str:
    if version is None:
        return "no version came of them"
    if origin is None:
        return f"version {version} does not come from them"
    return f"version {version} comes from {'it' if origin == best else origin}"


def _ancestors(db: Tables, run_id: str, winner: Prompt) -> tuple[str, ...]:
    """Return the content hashes of a prompt and of all that it was made from in its run."""
    units = stored_units.ancestry(db, run_id)
    found: list[str] = []
    open_ = [winner.content_hash]
    while open_:
        digest = open_.pop()
        if digest not in found:
            found.append(digest)
            open_ += units[digest]["parents"] if digest in units else ()
    return tuple(found)


def _patterns_of(prompt: Prompt, plan: Plan) -> tuple[str, ...]:
    task = Task(description="", seeds=(), labels=plan.skill.labels, blocks=0, block_size=0)
    return recognised(prompt, task)
