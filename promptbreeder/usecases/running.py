"""Run a skill, compare two versions blind, take votes."""

import secrets
from typing import Literal

from promptbreeder.errors import InvalidInput
from promptbreeder.evaluation.evaluator import Answer
from promptbreeder.evaluation.meter import Meter
from promptbreeder.requests import Actor
from promptbreeder.results import Answered, Duel, VoteReport
from promptbreeder.skill import MAX_EXAMPLE_CHARACTERS, Skill, Split
from promptbreeder.store import calls, duels, evaluations, events, examples, skills, versions
from promptbreeder.store.tables import Tables
from promptbreeder.store.versions import Version
from promptbreeder.text import scrub
from promptbreeder.usecases.measuring import prior_of
from promptbreeder.usecases.workbench import Workbench, iso

DUEL_SECONDS = 24 * 3600.0
MAX_COMMENT_CHARACTERS = 2_000


async def run_skill(bench: Workbench, name: str, text: str, number: int | None) -> Answered:
    """Answer one input with a version of the skill's prompt (default: production), on the skill's model."""
    text = checked_input(text)
    skill, version = await bench.store.read(lambda db: (skills.get(db, name), _version(db, name, number)))
    answer = await execute(bench, skill, version, text)
    call_id = f"c-{secrets.token_hex(6)}"
    notice = await _notice(bench, skill, version)
    await bench.store.write(
        lambda db: calls.add(
            db, call_id=call_id, skill=name, version=version.n, text=text, answer=answer.text, now=bench.clock()
        )
    )
    return Answered(
        call_id=call_id,
        skill=name,
        version=version.n,
        answer=answer.text,
        decoding=version.prompt.decoding,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        label_logprobs=dict(zip(skill.labels, answer.logprobs, strict=True)) if answer.logprobs else None,
        failure=answer.failure,
        notice=notice,
    )


async def _notice(bench: Workbench, skill: Skill, version: Version) -> str | None:
    """Say that the version was measured on another model than the one that answers now."""
    model = await bench.model(skill.model)
    measured = await bench.store.read(lambda db: evaluations.models(db, skill.name, version.n))
    if not measured or any(skill.same_model(one, model.fingerprint) for one in measured):
        return None
    return (
        f"{skill.model} is not the model that version {version.n} was measured on: it has changed since. "
        f"get_fitness('{skill.name}', {version.n}) measures it anew"
    )


async def execute(bench: Workbench, skill: Skill, version: Version, text: str) -> Answer:
    """Return the executor's answer to one input under a version, decoded as the version says."""
    prior = await prior_of(bench, skill, version, version.prompt)
    evaluator = await bench.evaluator(skill)
    return (await evaluator.answer(version.prompt, [text], Meter(), prior=prior))[0]


async def compare(bench: Workbench, name: str, text: str | None, a: int | None, b: int | None) -> Duel:
    """Run two versions on one input and return their answers in a drawn order, for a blind vote."""
    text = None if text is None else checked_input(text)
    skill = await bench.store.read(lambda db: skills.get(db, name))
    first, second = await bench.store.read(lambda db: _pair(db, name, a, b))
    if text is None:
        text = await bench.store.read(lambda db: _unused_input(db, name))
    pair = [first, second]
    if secrets.randbelow(2):
        pair.reverse()
    answers = [await execute(bench, skill, version, text) for version in pair]
    now, duel_id = bench.clock(), f"d-{secrets.token_hex(8)}"

    duel = duels.Duel(
        duel_id=duel_id,
        skill=name,
        a_version=pair[0].n,
        b_version=pair[1].n,
        input=text,
        answer_a=_shown(answers[0]),
        answer_b=_shown(answers[1]),
        created_at=now,
        expires_at=now + DUEL_SECONDS,
    )
    await bench.store.write(lambda db: duels.create(db, duel))
    return Duel(
        duel_id=duel_id,
        skill=name,
        input=text,
        a=duel.answer_a,
        b=duel.answer_b,
        expires_at=iso(duel.expires_at),
        next_step=f"Show both to the user as they are, then record_vote('{duel_id}', 'A', 'B' or 'tie').",
    )


async def vote(
    bench: Workbench, duel_id: str, choice: Literal["A", "B", "tie"], actor: Actor, comment: str
) -> VoteReport:
    """Record one vote for a duel, and tell what it was cast for."""
    comment = scrub(comment)
    if len(comment) > MAX_COMMENT_CHARACTERS:
        raise InvalidInput(f"the comment has {len(comment)} characters; {MAX_COMMENT_CHARACTERS} are the most")
    now = bench.clock()
    voter: Literal["human", "assistant"] = "human" if actor.kind == "human" else "assistant"

    def store(db: Tables) -> VoteReport:
        duels.vote(db, duel_id, choice, voter=voter, client=actor.client, comment=comment, now=now)
        duel = duels.get(db, duel_id)
        low, high = sorted((duel.a_version, duel.b_version))
        tally = duels.tally(db, duel.skill, challenger=high, incumbent=low)
        chosen = {"A": duel.a_version, "B": duel.b_version}.get(choice)
        events.append(
            db,
            ts=now,
            skill=duel.skill,
            kind="vote",
            actor=actor.kind,
            client=actor.client,
            reason=comment,
            after=chosen,
            data={"duel": duel_id, "a": duel.a_version, "b": duel.b_version},
        )
        return VoteReport(
            duel_id=duel_id,
            skill=duel.skill,
            chosen_version=chosen,
            a_version=duel.a_version,
            b_version=duel.b_version,
            wins={str(low): tally.losses, str(high): tally.wins},
            ties=tally.ties,
            human=tally.human,
            assistant=tally.assistant,
        )

    return await bench.store.write(store)


def checked_input(text: str) -> str:
    """Return the scrubbed input of a skill.

    Raises:
        InvalidInput: if it is blank or too long.
    """
    text = scrub(text)
    if not text.strip():
        raise InvalidInput("the input is empty; give the text that the skill should work on")
    if len(text) > MAX_EXAMPLE_CHARACTERS:
        raise InvalidInput(f"the input has {len(text):,} characters; {MAX_EXAMPLE_CHARACTERS:,} are the most")
    return text


def _version(db: Tables, name: str, number: int | None) -> Version:
    return versions.production(db, name) if number is None else versions.get(db, name, number)


def _pair(db: Tables, name: str, a: int | None, b: int | None) -> tuple[Version, Version]:
    production = versions.production(db, name).n
    newest = versions.all_versions(db, name)[-1].n
    first = production if a is None else a
    # The candidate is the newest version; next to itself it would be compared with production.
    second = b if b is not None else newest if newest != first else production
    if first == second:
        raise InvalidInput(
            f"'{name}' has nothing to compare version {first} with; evolve it, define a second prompt, or name two "
            "different versions a and b"
        )
    return versions.get(db, name, first), versions.get(db, name, second)


def _unused_input(db: Tables, name: str) -> str:
    # Train inputs only: gate inputs must stay unseen, also by whoever proposes the next prompt.
    stored = examples.of_split(db, name, Split.TRAIN)
    if not stored:
        raise InvalidInput(f"'{name}' has no example to draw an input from; give one")
    used = duels.inputs(db, name)
    fresh = [example.input for example in stored if example.input not in used] or [e.input for e in stored]
    return secrets.choice(fresh)


def _shown(answer: Answer) -> str:
    return answer.text if answer.failure is None else f"(no answer: {answer.failure})"
