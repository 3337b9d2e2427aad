"""Promotion, rollback, history."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from promptbreeder.errors import Conflict, InvalidInput, ModelError, NotPromotable, PromptBreederError
from promptbreeder.requests import Actor
from promptbreeder.results import HistoryLine, Moved
from promptbreeder.skill import Skill
from promptbreeder.store import events, examples, skills, versions
from promptbreeder.store.tables import Tables
from promptbreeder.store.versions import Version
from promptbreeder.suspicion import flags_of, told
from promptbreeder.text import scrub, shortened
from promptbreeder.usecases.guarding import forbidden, require_unchanged
from promptbreeder.usecases.judging import Judgement, judge
from promptbreeder.usecases.prompting import diff
from promptbreeder.usecases.workbench import Workbench, iso

log = logging.getLogger(__name__)
MAX_REASON_CHARACTERS = 2_000
RETRY_SECONDS = 600.0
SYSTEM = Actor("system", "promptbreeder-mcp")
OPTED_IN = "ready by its evidence, and the skill opted in to automatic promotion"


async def promote(
    bench: Workbench,
    name: str,
    number: int,
    reason: str,
    actor: Actor,
    *,
    expected_production: int | None,
    force: bool,
) -> Moved:
    """Move production to a version that is ready and not objected to, or to any with `force`, even without its model.

    Raises:
        NotPromotable: with the evidence that is missing, what is suspicious, or that its decoding is not allowed.
        Conflict: if it is in production already, production is not `expected_production`, or the skill or its
            production changed while the version was measured.
        ModelError: if the skill's model cannot be had, without `force`.
    """
    reason = _reason(reason)
    case = await _case(bench, name, number)
    if number == case.production.n:
        raise Conflict(f"version {number} of '{name}' is in production already")
    if expected_production is not None and expected_production != case.production.n:
        raise events.moved_meanwhile(name, case.production.n, expected_production)
    try:
        judged = await judge(bench, case.skill, case.version, case.production)
    except ModelError as error:
        if not force:
            raise
        found = f"Not judged: {str(error).rstrip('.')}."
        return await _promoted(bench, case, None, found, reason=reason, actor=actor)
    if not force and (case.objections or not judged.found.ready):
        show = "Show its text to the user first. " if flags_of(case.version.prompt) else ""
        raise NotPromotable(
            f"version {number} of '{name}' is not promoted. {_sentences(judged.found.sentence, case.objections)} "
            f"{show}force=true (`--force`) promotes it all the same; that is recorded."
        )
    return await _promoted(bench, case, judged, judged.found.sentence, reason=reason, actor=actor)


async def promote_if_ready(bench: Workbench, name: str, number: int) -> Moved | None:
    """Promote a version that is ready where the skill opted in to that.

    Never one that was in production before, that is flagged, or whose decoding the skill does not allow.

    None where nothing was moved. It is called after a run or a vote, whose success it must not undo: what keeps it
    from judging is no error, and `get_fitness` tells.
    """
    try:
        case = await _case(bench, name, number)
        if not case.skill.settings.opt_in_auto_promote or case.was_in_production or case.objections:
            return None
        judged = await judge(bench, case.skill, case.version, case.production)
        if judged.found.ready:
            return await _promoted(bench, case, judged, judged.found.sentence, reason=OPTED_IN, actor=SYSTEM)
    except PromptBreederError:
        log.warning("version %s of '%s' was not promoted by itself", number, name, exc_info=True)
    return None


@dataclass(frozen=True, slots=True)
class _Case:
    """What is decided on, from one transaction."""

    skill: Skill
    version: Version
    production: Version
    moved: events.Event
    """By which production came there."""
    was_in_production: bool
    """Whether the version ever was."""

    @property
    def objections(self) -> str:
        """What speaks against the version however good it is; only force promotes it then."""
        return _sentences(told(flags_of(self.version.prompt)), forbidden(self.skill, self.version))


async def _case(bench: Workbench, name: str, number: int) -> _Case:
    return await bench.store.read(
        lambda db: _Case(
            skills.get(db, name),
            versions.get(db, name, number),
            versions.production(db, name),
            events.last_move(db, name),
            events.was_production(db, name, number),
        )
    )


async def _promoted(
    bench: Workbench, case: _Case, judged: Judgement | None, found: str, *, reason: str, actor: Actor
) -> Moved:
    """Move production, and record what was `found` when the version was judged, or why it was not."""
    version, production = case.version, case.production
    name, now = version.skill, bench.clock()
    moved = Moved(
        skill=name,
        before=production.n,
        after=version.n,
        reason=reason,
        forced=bool(case.objections) or judged is None or not judged.found.ready,
        evidence=_sentences(found, case.objections),
        diff=diff(production, version),
    )
    data = {
        "evidence": moved.evidence,
        "forced": moved.forced,
        "flags": list(map(str, flags_of(version.prompt))),
        "judged": None if judged is None else judged.evidence.model_dump(mode="json"),
        "diff": moved.diff,
    }

    def move(db: Tables) -> None:
        require_unchanged(db, case.skill, case.moved)
        events.move_production(
            db,
            ts=now,
            skill=name,
            kind="promote",
            to=version.n,
            expected=production.n,
            actor=actor.kind,
            client=actor.client,
            reason=reason,
            data=data,
        )

    await bench.store.write(move)
    bench.changed("production", name)
    return moved


async def rollback(bench: Workbench, name: str, reason: str, actor: Actor, to_version: int | None) -> Moved:
    """Move production back to an earlier version, by default the one before; nothing is copied or deleted.

    The same call again within `RETRY_SECONDS`, with the same reason from the same client, is taken for a retry of a
    call whose answer was lost: it moves nothing and has the same result.

    Raises:
        Conflict: if there is nothing to go back to, or the version has never been in production.
    """
    reason = _reason(reason)
    now = bench.clock()

    def move(db: Tables) -> tuple[bool, Moved]:
        current = versions.production(db, name)
        last = events.last_move(db, name)
        if last.before is not None and _is_retry(last, reason, actor, to_version, now):
            before = versions.get(db, name, last.before)
            return False, _rolled_back(before, current, reason, "Rolled back already; nothing was moved again.")
        target = events.previous_production(db, name) if to_version is None else to_version
        if target is None:
            raise Conflict(
                f"version {current.n} of '{name}' is the first that was in production; there is nothing to go back to"
            )
        version = versions.get(db, name, target)
        if target == current.n:
            raise Conflict(f"version {target} of '{name}' is in production already")
        if not events.was_production(db, name, target):
            raise Conflict(f"version {target} of '{name}' has never been in production; promote it instead")
        evidence = _sentences("Rolled back.", forbidden(skills.get(db, name), version))
        moved = _rolled_back(current, version, reason, evidence)
        events.move_production(
            db,
            ts=now,
            skill=name,
            kind="rollback",
            to=target,
            expected=current.n,
            actor=actor.kind,
            client=actor.client,
            reason=reason,
            data={"asked_for": to_version, "diff": moved.diff},
        )
        return True, moved

    is_new, moved = await bench.store.write(move)
    if is_new:
        bench.changed("production", name)
    return moved


def _is_retry(last: events.Event, reason: str, actor: Actor, to_version: int | None, now: float) -> bool:
    asked = (last.kind, last.reason, last.actor, last.client, last.data.get("asked_for"))
    same = asked == ("rollback", reason, actor.kind, actor.client, to_version)
    return same and abs(now - last.ts) <= RETRY_SECONDS


def _rolled_back(before: Version, after: Version, reason: str, told: str) -> Moved:
    return Moved(
        skill=after.skill, before=before.n, after=after.n, reason=reason, evidence=told, diff=diff(before, after)
    )


async def history(bench: Workbench, name: str | None, before_id: int | None, limit: int) -> tuple[HistoryLine, ...]:
    """Return events, newest first, one plain sentence each."""

    def look(db: Tables) -> tuple[HistoryLine, ...]:
        if name is not None:
            skills.get(db, name)
        found = events.history(db, name, before_id=before_id, limit=limit)
        corrected = [event.data for event in found if event.kind == "correct"]
        answers = examples.answers(db, [data[end] for data in corrected for end in ("example", "became")])
        return tuple(
            HistoryLine(
                id=event.id,
                at=iso(event.ts),
                skill=event.skill,
                kind=event.kind,
                actor=event.actor,
                client=event.client,
                reason=event.reason,
                before=event.before,
                after=event.after,
                sentence=_sentence(event, answers),
            )
            for event in found
        )

    return await bench.store.read(look)


def _sentences(*said: str) -> str:
    return " ".join(filter(None, said))


def _reason(reason: str) -> str:
    reason = scrub(reason).strip()
    if not reason:
        raise InvalidInput("a reason is needed; it is kept in the history")
    if len(reason) > MAX_REASON_CHARACTERS:
        raise InvalidInput(f"the reason has {len(reason):,} characters; {MAX_REASON_CHARACTERS:,} are the most")
    return reason


def _sentence(event: events.Event, answers: Mapping[int, str | None]) -> str:
    """Return what happened in one sentence; `answers` are those of the examples that were corrected, as far as kept."""
    who, about = event.client or event.actor, f"'{event.skill}'" if event.skill else "The database"
    example, became = event.data.get("example", 0), event.data.get("became", 0)
    told = {
        "create": f"Skill {about} was defined by {who}; version {event.after} went into production{_heir(event)}.",
        "evolved": f"{about}: run {event.data.get('run')} {event.data.get('status')}. {event.reason}",
        "vote": f"{about}: a vote for {f'version {event.after}' if event.after else 'a tie'} through {who}.",
        "promote": (
            f"{about}: version {event.before} -> {event.after} promoted by {who} "
            f"({'FORCED, ' if event.data.get('forced') else ''}{event.data.get('evidence')}) Reason: {event.reason}"
        ),
        "correct": (
            f"{about}: example {example} corrected by {who}, {_answer(answers.get(example))} -> "
            f"{_answer(answers.get(became))}; it is example {became} now."
        ),
        "retire": f"{about}: example {example} retired by {who}.",
        "delete": f"{about}: example {example} deleted by {who}.",
        "rollback": f"{about}: rolled back from version {event.before} to {event.after} by {who}: {event.reason}",
    }
    return told.get(event.kind, f"{about}: {event.reason} by {who}.")


def _heir(event: events.Event) -> str:
    source = event.data.get("inherit_from")
    return f"; it inherits from '{source}'" if source else ""


def _answer(expected: str | None) -> str:
    # The event holds ids only, so that deleting an example leaves nothing of it in the history.
    return "(no answer, or deleted)" if expected is None else repr(shortened(expected))
