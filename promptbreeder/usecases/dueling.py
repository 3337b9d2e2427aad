"""Duels: run two versions on one input, show their answers blind, and take the one vote."""

import secrets
from typing import Literal

from promptbreeder.errors import InvalidInput
from promptbreeder.evaluation.evaluator import Answer
from promptbreeder.requests import Actor
from promptbreeder.results import Duel, VoteReport
from promptbreeder.skill import Skill, Split, input_hash
from promptbreeder.store import calls, duels, events, examples, skills, versions
from promptbreeder.store.tables import Tables
from promptbreeder.store.versions import Version
from promptbreeder.text import scrub
from promptbreeder.usecases.ab_tests import chosen, tests_of, vote_test
from promptbreeder.usecases.deciding import promote_if_ready
from promptbreeder.usecases.running import checked_input, execute
from promptbreeder.usecases.workbench import Workbench, iso

DUEL_SECONDS = 24 * 3600.0
MAX_COMMENT_CHARACTERS = 2_000


async def compare(bench: Workbench, name: str, text: str | None, a: int | None, b: int | None) -> Duel:
    """Run two versions on one input and return their answers in a drawn order, for a blind vote.

    By default production and a candidate, which Thompson sampling chooses where there are several.

    Raises:
        InvalidInput: if there is nothing to compare, or no input to draw.
    """
    text = None if text is None else checked_input(text)
    skill = await bench.store.read(lambda db: skills.get(db, name))
    pair = list(await bench.store.read(lambda db: _pair(db, skill, a, b, bench.clock())))
    if text is None:
        text = await bench.store.read(lambda db: _unused_input(db, skill))
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
    return _told(duel)


async def live_duel(bench: Workbench, duel_id: str) -> Duel:
    """Return a duel that may be voted on.

    Raises:
        NotFound: if there is no such duel.
        Conflict: if it has its vote, or has expired.
    """
    return _told(await bench.store.read(lambda db: duels.live(db, duel_id, now=bench.clock())))


async def vote(
    bench: Workbench, duel_id: str, choice: Literal["A", "B", "tie"], actor: Actor, comment: str
) -> VoteReport:
    """Record one vote for a duel, and tell what it was cast for and how the test stands.

    Where the skill opted in, a candidate that the vote makes ready is promoted.

    Raises:
        NotFound: if there is no such duel.
        Conflict: if it has its vote, or has expired.
        InvalidInput: if the comment is too long.
    """
    comment = scrub(comment)
    if len(comment) > MAX_COMMENT_CHARACTERS:
        raise InvalidInput(f"the comment has {len(comment)} characters; {MAX_COMMENT_CHARACTERS} are the most")
    now = bench.clock()
    voter: Literal["human", "assistant"] = "human" if actor.kind == "human" else "assistant"

    def store(db: Tables) -> VoteReport:
        duels.vote(db, duel_id, choice, voter=voter, client=actor.client, comment=comment, now=now)
        duel = duels.get(db, duel_id)
        for_version = {"A": duel.a_version, "B": duel.b_version}.get(choice)
        events.append(
            db,
            ts=now,
            skill=duel.skill,
            kind="vote",
            actor=actor.kind,
            client=actor.client,
            reason=comment,
            after=for_version,
            data={"duel": duel_id, "a": duel.a_version, "b": duel.b_version},
        )
        pair = {duel.a_version, duel.b_version}
        production = events.production(db, duel.skill)
        incumbent = production if production in pair else min(pair)
        (candidate,) = pair - {incumbent}
        test = vote_test(db, skills.get(db, duel.skill), candidate=candidate, incumbent=incumbent, now=now)
        return VoteReport(
            **dict(test),
            duel_id=duel_id,
            skill=duel.skill,
            chosen_version=for_version,
            a_version=duel.a_version,
            b_version=duel.b_version,
        )

    report = await bench.store.write(store)
    bench.changed("history", report.skill)
    moved = await promote_if_ready(bench, report.skill, report.candidate)
    return report if moved is None else report.model_copy(update={"notice": f"Promoted by itself: {moved.evidence}"})


def _told(duel: duels.Duel) -> Duel:
    return Duel(
        duel_id=duel.duel_id,
        skill=duel.skill,
        input=duel.input,
        a=duel.answer_a,
        b=duel.answer_b,
        expires_at=iso(duel.expires_at),
        next_step=f"Show both to the user as they are, then record_vote('{duel.duel_id}', 'A', 'B' or 'tie').",
    )


def _pair(db: Tables, skill: Skill, a: int | None, b: int | None, now: float) -> tuple[Version, Version]:
    name = skill.name
    production = events.production(db, name)
    first = production if a is None else a
    second = b
    if second is None:
        # Next to itself production is compared with a candidate, anything else with production.
        second = chosen(tests_of(db, skill, now)) if first == production else production
    if first == second:
        raise InvalidInput(f"nothing to compare: version {first} is on both sides; name two different versions a and b")
    if second is None:
        raise InvalidInput(
            f"'{name}' has nothing to compare version {first} with: no newer version that was neither in production "
            "nor lost to it. Evolve it, define a second prompt, or name two different versions a and b"
        )
    return versions.get(db, name, first), versions.get(db, name, second)


def _unused_input(db: Tables, skill: Skill) -> str:
    """Draw a train input or an earlier live input that no duel has shown; failing that, any of them."""
    # Gate inputs must stay unseen, also by whoever proposes the next prompt.
    train = [example.input for example in examples.of_split(db, skill.name, Split.TRAIN)]
    gate = {input_hash(skill.salt, example.input) for example in examples.of_split(db, skill.name, Split.GATE)}
    live = [text for text in calls.inputs(db, skill.name) if input_hash(skill.salt, text) not in gate]
    used = duels.inputs(db, skill.name)
    for pool in (train, live):
        if fresh := [text for text in pool if text not in used]:
            return secrets.choice(fresh)
    if not (train or live):
        raise InvalidInput(
            f"'{skill.name}' has no train example and no earlier input to draw; give one with compare_prompts(..., "
            "input=...) or `vote --input TEXT`"
        )
    return secrets.choice(train or live)


def _shown(answer: Answer) -> str:
    return answer.text if answer.failure is None else f"(no answer: {answer.failure})"
