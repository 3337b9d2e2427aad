"""Take outcomes: whether the answer of a call was right, and what would have been."""

from dataclasses import dataclass
from typing import Literal

from anyio import to_thread
from pydantic import ValidationError

from promptbreeder.errors import Conflict, InvalidInput
from promptbreeder.evaluation.metrics import metric_of
from promptbreeder.requests import Actor, explain
from promptbreeder.results import OutcomeReport
from promptbreeder.skill import Example, Skill, Split
from promptbreeder.store import calls, events, examples, outcomes, skills, versions
from promptbreeder.store.tables import Tables
from promptbreeder.text import normalise, scrub, shortened
from promptbreeder.usecases.defining import check_examples
from promptbreeder.usecases.drifting import Standing, evolving_by_hand, rollback_by_hand, standing, told
from promptbreeder.usecases.witnesses import shown
from promptbreeder.usecases.workbench import Workbench

MAX_NOTE_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class _Kept:
    """What came of an expected answer as an example."""

    fate: Literal["added", "known", "contradicts", "retired"]
    id: int | None = None
    split: Split | None = None


async def record_outcome(
    bench: Workbench, call_id: str, actor: Actor, *, correct: bool | None, expected: str | None, note: str
) -> OutcomeReport:
    """Store the one outcome of a call: right or wrong, or the answer that is right, which becomes an example.

    Raises:
        NotFound: if there is no such call.
        Conflict: if it has its outcome already; outcomes are not replaced, since the detector has gone by them. Or if
            an answer is given to an input that was deleted.
        InvalidInput: if neither is given, both contradict each other, or the answer does not fit the skill.
    """
    note = scrub(note).strip()
    if len(note) > MAX_NOTE_CHARACTERS:
        raise InvalidInput(f"the note has {len(note):,} characters; {MAX_NOTE_CHARACTERS:,} are the most")
    if correct is None and expected is None:
        raise InvalidInput("say whether the answer was right (correct), or what would have been right (expected)")
    now = bench.clock()
    call, skill = await bench.store.read(lambda db: ((call := calls.get(db, call_id)), skills.get(db, call.skill)))
    # Before anything is stored: a judge that takes its time must not keep other processes from writing.
    right, example = bool(correct), None
    if expected is not None:
        if not call.input:
            raise Conflict(
                f"the text of call {call_id} was deleted with its example, so no answer can be expected of it; say "
                "whether it was right (correct). Nothing was stored."
            )
        example = await to_thread.run_sync(_example, skill, call.input, expected)
        right = await to_thread.run_sync(_is_right, skill, call.answer, example.expected or "")
        if correct is not None and correct != right:
            raise InvalidInput(
                f"the answer {call.answer[:60]!r} is {'right' if right else 'wrong'} where {shortened(expected)!r} is "
                f"expected, and correct={str(correct).lower()} says the opposite; give one of the two. Nothing was "
                "stored."
            )

    def store(db: Tables) -> _Kept | None:
        if skills.get(db, skill.name) != skill or calls.get(db, call_id) != call:
            raise Conflict(f"'{skill.name}' was changed at this moment; report the outcome again. Nothing was stored.")
        kept = None if example is None else _kept(db, skill, example, now)
        number = kept.id if kept is not None else None
        outcomes.add(db, call, correct=right, example=number, note=note, actor=actor.kind, client=actor.client, now=now)
        if number is not None:
            events.append(
                db,
                ts=now,
                skill=skill.name,
                kind="extend",
                actor=actor.kind,
                client=actor.client,
                reason=f"the expected answer of call {call_id} became example {number}",
                data={"examples": 1, "example": number, "call": call_id},
            )
        return kept

    kept = await bench.store.write(store)
    if kept is not None and kept.fate == "added":
        bench.changed("skills", skill.name)
    # All outcomes of the version are gone through for it: not while other processes wait for the lock.
    stands = await bench.store.read(lambda db: standing(db, skill.name, now))
    return OutcomeReport(
        call_id=call_id,
        skill=skill.name,
        version=call.version,
        correct=right,
        counted=call.version == stands.production.n,
        example=kept.fate if kept is not None else None,
        split=kept.split if kept is not None else None,
        drift=told(stands),
        next_step=_next_step(stands),
    )


def _example(skill: Skill, text: str, expected: str) -> Example:
    try:
        example = Example(input=text, expected=expected)
    except ValidationError as error:
        raise InvalidInput(explain(error)) from error
    if not (example.expected or "").strip():
        raise InvalidInput("the expected answer is empty; give the answer that would have been right")
    check_examples(skill, [example])
    return example


def _is_right(skill: Skill, answer: str, expected: str) -> bool:
    """Tell whether an answer earns the full score, by the skill's metric; by taste alone, whether it is the same."""
    if skill.metric == "preference":
        return normalise(answer) == normalise(expected)
    return metric_of(skill)(answer, expected).score >= 1


def _kept(db: Tables, skill: Skill, example: Example, now: float) -> _Kept:
    # The hash says the split; but what a prompt shows already would not be unseen in the gate, nor fair in the search.
    is_shown = any(shown(version.prompt, [example.input]) for version in versions.all_versions(db, skill.name))
    placed = example.model_copy(update={"split": Split.TRAIN if is_shown else skill.split_of(example)})
    added = examples.add(db, skill, [placed], now=now)
    if added.added:
        number = examples.id_of(db, skill, placed.input)
        return _Kept("added", number, placed.split)
    if added.retired:
        return _Kept("retired")
    return _Kept("contradicts" if added.contradictions else "known")


def _next_step(stands: Standing) -> str:
    name = stands.skill.name
    if stands.reading.state == "failing" and stands.before is not None:
        return (
            f"{rollback_by_hand(name)} goes back to version {stands.before.n}; {evolving_by_hand(name)} looks for a "
            "better one."
        )
    if stands.reading.state in {"failing", "degraded"}:
        return (
            f"{evolving_by_hand(name)} looks for a better prompt; corrected answers help it search, and examples added "
            "otherwise judge what it finds."
        )
    return ""
