"""Fitness, prompts, promotion, rollback, history."""

import difflib
import json
from collections.abc import Mapping

from promptbreeder.errors import Conflict, InvalidInput, NotPromotable
from promptbreeder.lifecycle.gate import GateVerdict, accuracy_of, judge
from promptbreeder.prompt import Decoding
from promptbreeder.requests import Actor
from promptbreeder.results import Fitness, HistoryLine, Moved, PromptView, Turn, VersionFitness
from promptbreeder.skill import Skill
from promptbreeder.store import duels, evaluations, events, examples, skills, versions
from promptbreeder.store.tables import Tables
from promptbreeder.store.versions import Version
from promptbreeder.text import scrub, shortened
from promptbreeder.usecases.measuring import fitness_parts, gate_evaluation
from promptbreeder.usecases.reporting import search_score_of
from promptbreeder.usecases.skills import list_skills
from promptbreeder.usecases.workbench import Workbench, iso

MAX_REASON_CHARACTERS = 2_000


async def get_fitness(bench: Workbench, name: str | None, number: int | None) -> Fitness:
    """Return one line a skill, or all that is known of one version; what was never measured is measured now."""
    if name is None:
        return Fitness(skills=await list_skills(bench))
    skill = await bench.store.read(lambda db: skills.get(db, name))
    production = await bench.store.read(lambda db: versions.production(db, name))
    version = production if number is None else await bench.store.read(lambda db: versions.get(db, name, number))
    won, lost = await bench.store.read(lambda db: duels.record(db, name, version.n))
    known = VersionFitness(
        skill=name,
        version=version.n,
        production=version.n == production.n,
        decoding=version.prompt.decoding,
        votes={"won": won, "lost": lost},
        gate=None,
        verdict="Judged by votes alone.",
    )
    if skill.metric == "preference":
        return Fitness(version=known)
    evaluation = await gate_evaluation(bench, skill, version)
    reference = await gate_evaluation(bench, skill, production)
    free = (
        evaluation
        if version.prompt.decoding is Decoding.FREE
        else await gate_evaluation(bench, skill, version, Decoding.FREE)
    )
    search = await bench.store.read(lambda db: search_score_of(db, version))
    verdict = (
        "In production." if version.n == production.n else judge(*evaluations.paired(evaluation, reference)).sentence
    )
    measured = {
        "gate": accuracy_of(evaluation.scores),
        "gate_free": accuracy_of(free.scores),
        "production_gate": accuracy_of(reference.scores),
        "search_score": search,
        "parts": await fitness_parts(bench, skill, evaluation),
        "verdict": verdict,
    }
    return Fitness(version=known.model_copy(update=measured))


async def get_prompt(bench: Workbench, name: str, number: int | None, text: str | None) -> PromptView:
    """Return one version (default: production) as data, rendered for `text` or with a placeholder."""

    def look(db: Tables) -> tuple[Skill, Version, Version, Version | None]:
        production = versions.production(db, name)
        version = production if number is None else versions.get(db, name, number)
        parent = versions.get(db, name, version.parents[0]) if version.parents else None
        return skills.get(db, name), production, version, parent

    skill, production, version, parent = await bench.store.read(look)
    shown = "{{input}}" if text is None else scrub(text)
    return view(skill, version, production.n, parent, shown)


def view(skill: Skill, version: Version, production: int, parent: Version | None, text: str) -> PromptView:
    """Return a version as it is shown."""
    prompt = version.prompt
    return PromptView(
        skill=skill.name,
        version=version.n,
        production=version.n == production,
        text=prompt.instruction,
        messages=tuple(Turn(role=role, content=content) for role, content in prompt.render(text)),
        content_hash=version.content_hash,
        decoding=prompt.decoding,
        labels=skill.labels,
        demonstrations=len(prompt.demonstrations),
        origin=version.origin,
        operator=version.operator,
        parents=version.parents,
        run_id=version.run_id,
        created_at=iso(version.created_at),
        uri=f"prompt://{skill.name}/versions/{version.n}",
        diff="" if parent is None else diff(parent, version),
    )


async def list_versions(bench: Workbench, name: str) -> tuple[PromptView, ...]:
    """Return all versions of a skill, oldest first."""

    def look(db: Tables) -> tuple[PromptView, ...]:
        skill, production = skills.get(db, name), versions.production(db, name).n
        stored = {version.n: version for version in versions.all_versions(db, name)}
        return tuple(
            view(skill, version, production, stored[version.parents[0]] if version.parents else None, "{{input}}")
            for version in stored.values()
        )

    return await bench.store.read(look)


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
    """Move production to a version whose gate estimate is not below production's, or to any with `force`.

    Raises:
        NotPromotable: with the evidence that is missing.
        Conflict: if it is in production already, or production is not `expected_production`.
    """
    reason = _reason(reason)
    skill, version, production = await bench.store.read(
        lambda db: (skills.get(db, name), versions.get(db, name, number), versions.production(db, name))
    )
    if number == production.n:
        raise Conflict(f"version {number} of '{name}' is in production already")
    if skill.metric == "preference":
        won, lost = await bench.store.read(lambda db: duels.record(db, name, number))
        verdict = GateVerdict(passes=won > lost, sentence=f"{won} duels won, {lost} lost.")
    else:
        evaluation = await gate_evaluation(bench, skill, version)
        reference = await gate_evaluation(bench, skill, production)
        verdict = judge(*evaluations.paired(evaluation, reference))
    if not verdict.passes and not force:
        raise NotPromotable(
            f"version {number} of '{name}' is not promoted. {verdict.sentence} force=true promotes it all the same; "
            "that is recorded."
        )
    now = bench.clock()
    moved = Moved(
        skill=name,
        before=production.n,
        after=number,
        reason=reason,
        forced=not verdict.passes,
        evidence=verdict.sentence,
        diff=diff(production, version),
    )
    # What was judged is the version that was in production a moment ago: it must be so still.
    expected = production.n if expected_production is None else expected_production
    await bench.store.write(
        lambda db: events.move_production(
            db,
            ts=now,
            skill=name,
            kind="promote",
            to=number,
            expected=expected,
            actor=actor.kind,
            client=actor.client,
            reason=reason,
            data={"evidence": verdict.sentence, "forced": moved.forced},
        )
    )
    bench.changed("production", name)
    return moved


async def rollback(bench: Workbench, name: str, reason: str, actor: Actor, to_version: int | None) -> Moved:
    """Move production back to an earlier version, by default the one before; nothing is copied or deleted.

    Raises:
        Conflict: if there is nothing to go back to, or the version has never been in production.
    """
    reason = _reason(reason)
    now = bench.clock()

    def move(db: Tables) -> Moved:
        current = versions.production(db, name)
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
            data={},
        )
        return Moved(
            skill=name,
            before=current.n,
            after=target,
            reason=reason,
            evidence="Rolled back.",
            diff=diff(current, version),
        )

    moved = await bench.store.write(move)
    bench.changed("production", name)
    return moved


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


def diff(before: Version, after: Version) -> str:
    """Return a unified diff of what two versions show to the executor, demonstrations and decoding included."""
    lines = difflib.unified_diff(
        _lines(before), _lines(after), f"version {before.n}", f"version {after.n}", lineterm="", n=1
    )
    return "\n".join(lines)


def _lines(version: Version) -> list[str]:
    prompt = version.prompt
    shots = [json.dumps([shot.input, shot.output], ensure_ascii=False) for shot in prompt.demonstrations]
    return [
        *prompt.instruction.splitlines(),
        *prompt.second_instruction.splitlines(),
        *shots,
        f"(decoding: {prompt.decoding}; {prompt.format.model_dump_json(exclude_defaults=True)})",
    ]


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
        "create": f"Skill {about} was defined by {who}; version {event.after} went into production.",
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


def _answer(expected: str | None) -> str:
    # The event holds ids only, so that deleting an example leaves nothing of it in the history.
    return "(no answer, or deleted)" if expected is None else repr(shortened(expected))
