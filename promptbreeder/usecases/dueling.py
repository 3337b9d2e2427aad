"""Duels: run two versions on one input, show their answers blind, and take the one vote.

Of two versions an input counts once: the first vote on it. So inputs are drawn that were not judged yet, and that are
new to both versions: on what its prompt shows, or was chosen by, a version does better than on anything else.
"""

import itertools
import secrets
from collections.abc import Container, Iterable, Iterator
from typing import Literal, NamedTuple

from promptbreeder.errors import InvalidInput
from promptbreeder.evaluation.evaluator import Answer
from promptbreeder.requests import Actor
from promptbreeder.results import Duel, VoteReport
from promptbreeder.skill import Skill, Split
from promptbreeder.store import calls, duels, events, examples, skills, versions
from promptbreeder.store.duels import Votes
from promptbreeder.store.tables import Tables
from promptbreeder.store.versions import Version
from promptbreeder.text import as_seen, scrub
from promptbreeder.usecases.ab_tests import answered_by_now, chosen, last_answered_by, tests_of, vote_test
from promptbreeder.usecases.deciding import promote_if_ready
from promptbreeder.usecases.running import checked_input, execute
from promptbreeder.usecases.witnesses import seen, shown
from promptbreeder.usecases.workbench import Workbench, iso

DUEL_SECONDS = 24 * 3600.0
MAX_COMMENT_CHARACTERS = 2_000
JUDGED_INPUT = "This input was judged for these two versions before: another vote on it will not count."
JUDGED_BEFORE = "Kept, but it does not count: these two versions were judged on this input before; take another input."
SEEN_INPUT = "One of the two was chosen by its answer to this input, or shows it: a vote on it will be no evidence."
SEEN_BEFORE = (
    "Kept, but it is no evidence: one of the two was chosen by its answer to this input, or shows it; take another one."
)
OUTDATED = "Kept, but it does not count: the skill's model or rules have changed since these answers; compare anew."


async def compare(bench: Workbench, name: str, text: str | None, a: int | None, b: int | None) -> Duel:
    """Run two versions on one input and return their answers in a drawn order, for a blind vote.

    By default production and a candidate, which Thompson sampling chooses where there are several.

    Raises:
        InvalidInput: if there is nothing to compare, or no input to draw that was not judged.
        ModelError: if the skill's model cannot be had.
    """
    given = None if text is None else checked_input(text)
    skill = await bench.store.read(lambda db: skills.get(db, name))
    on = skill.answered_by((await bench.model(skill.model)).weights)

    def look(db: Tables) -> _Match:
        votes = duels.counting(db, name, on)
        pairs = _pairs(db, skill, votes, a=a, b=b, now=bench.clock())
        return _match(db, skill, pairs, given, votes)

    match = await bench.store.read(look)
    pair = [match.one, match.other]
    if secrets.randbelow(2):
        pair.reverse()
    answers = [await execute(bench, skill, version, match.text) for version in pair]
    now, duel_id = bench.clock(), f"d-{secrets.token_hex(8)}"
    duel = duels.Duel(
        duel_id=duel_id,
        skill=name,
        a_version=pair[0].n,
        b_version=pair[1].n,
        input=match.text,
        answer_a=_shown(answers[0]),
        answer_b=_shown(answers[1]),
        created_at=now,
        expires_at=now + DUEL_SECONDS,
        answered_by=on,
    )
    await bench.store.write(lambda db: duels.create(db, duel))
    return _told(duel).model_copy(update={"notice": match.notice})


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
    """Record one vote for a duel, and tell what it was cast for, whether it counts, and how the test stands.

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

    asked = await bench.store.read(lambda db: skills.get(db, duels.get(db, duel_id).skill))
    # A vote needs no model, and none is loaded for it; one that is in use here says best what votes must be about.
    on = await answered_by_now(bench, asked) if bench.has_open(asked.model) else None

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
        skill = skills.get(db, duel.skill)
        votes = duels.counting(db, duel.skill, last_answered_by(db, skill) if on is None else on)
        test = vote_test(db, skill, votes, candidate=candidate, incumbent=incumbent, production=production, now=now)
        return VoteReport(
            **dict(test),
            duel_id=duel_id,
            skill=duel.skill,
            chosen_version=for_version,
            a_version=duel.a_version,
            b_version=duel.b_version,
            notice=_why_not_counted(db, skill, duel, votes),
        )

    report = await bench.store.write(store)
    bench.changed("history", report.skill)
    moved = await promote_if_ready(bench, report.skill, report.candidate)
    if moved is None:
        return report
    told = f"Promoted by itself: {moved.evidence}"
    return report.model_copy(update={"notice": f"{report.notice} {told}" if report.notice else told})


def _why_not_counted(db: Tables, skill: Skill, duel: duels.Duel, votes: Votes) -> str | None:
    pair, text = (duel.a_version, duel.b_version), as_seen(duel.input)
    counted = duels.between(votes, *pair).get(text)
    if counted is None:
        return OUTDATED
    if counted.duel_id != duel.duel_id:
        return JUDGED_BEFORE
    return SEEN_BEFORE if seen(db, skill, [text], *pair) else None


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


class _Match(NamedTuple):
    """What a duel is about."""

    one: Version
    other: Version
    text: str
    notice: str | None = None
    """Why a vote on this input will not count."""


def _match(db: Tables, skill: Skill, pairs: Iterator[tuple[int, int]], text: str | None, votes: Votes) -> _Match:
    """Return the first pair that can be shown, and the input that was given or is drawn; raises InvalidInput."""
    pools: tuple[list[str], ...] = ()
    tried = None
    for tried in pairs:
        one, other = (versions.get(db, skill.name, number) for number in tried)
        judged = duels.between(votes, *tried)
        if text is not None:
            plain = as_seen(text)
            notice = SEEN_INPUT if seen(db, skill, [plain], *tried) else None
            return _Match(one, other, text, JUDGED_INPUT if plain in judged else notice)
        pools = pools or _pools(db, skill)
        known = [*itertools.chain(*pools)]
        quoted = shown(one.prompt, known) | shown(other.prompt, known)
        fair = [[each for each in pool if each not in quoted] for pool in pools]
        drawn = _unjudged(fair, judged, duels.inputs(db, skill.name, *tried))
        if drawn is not None:
            return _Match(one, other, drawn)
    if tried is None:
        raise InvalidInput(
            f"'{skill.name}' has nothing to compare version {events.production(db, skill.name)} with: no newer version "
            "that was neither in production nor lost to it. Evolve it, define a second prompt, or name two different "
            "versions a and b"
        )
    raise InvalidInput(
        f"'{skill.name}' has no input left to draw for versions {tried[0]} and {tried[1]}: each was judged for them, "
        "and counts once, or stands in one of their prompts. Give another with compare_prompts(..., input=...) or "
        "`vote --input TEXT`, or add examples"
    )


def _pairs(
    db: Tables, skill: Skill, votes: Votes, *, a: int | None, b: int | None, now: float
) -> Iterator[tuple[int, int]]:
    """Yield the versions to compare; candidates one after another, in case there is no input left for the first."""
    production = events.production(db, skill.name)
    first = production if a is None else a
    if b is not None or first != production:
        # Next to itself production is compared with a candidate, anything else with production.
        second = production if b is None else b
        if first == second:
            raise InvalidInput(
                f"nothing to compare: version {first} is on both sides; name two different versions a and b"
            )
        yield first, second
        return
    tests = tests_of(db, skill, votes, now)
    while (candidate := chosen(tests)) is not None:
        yield first, candidate
        tests = tuple(test for test in tests if test.candidate != candidate)


def _pools(db: Tables, skill: Skill) -> tuple[list[str], ...]:
    """Return the inputs that may be drawn: those of train examples, and earlier live ones; raises InvalidInput."""
    # Gate inputs must stay unseen, also by whoever proposes the next prompt.
    train, search, gate = (
        [example.input for example in examples.of_split(db, skill.name, split)]
        for split in (Split.TRAIN, Split.SEARCH, Split.GATE)
    )
    used = {as_seen(text) for text in (*search, *gate)}
    live = [text for text in calls.inputs(db, skill.name) if as_seen(text) not in used]
    if not (train or live):
        raise InvalidInput(
            f"'{skill.name}' has no train example and no earlier input to draw; give one with compare_prompts(..., "
            "input=...) or `vote --input TEXT`"
        )
    return train, live


def _unjudged(pools: Iterable[list[str]], judged: Container[str], seen: Container[str]) -> str | None:
    """Draw an input that two versions were not judged on; first of all one that they were not shown on either."""
    for taken, pool in itertools.product((seen, judged), pools):
        if fresh := [text for text in pool if as_seen(text) not in taken]:
            return secrets.choice(fresh)
    return None


def _shown(answer: Answer) -> str:
    return answer.text if answer.failure is None else f"(no answer: {answer.failure})"
