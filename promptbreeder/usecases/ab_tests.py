"""A/B tests: which versions are tested against production by votes, and how each test stands."""

import random
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress

from promptbreeder.errors import InvalidInput, ModelError
from promptbreeder.lifecycle.duels import Standing, choose_candidate, judge_votes
from promptbreeder.results import VoteCounts, VoteTest
from promptbreeder.skill import Skill
from promptbreeder.store import duels, events, skills, versions
from promptbreeder.store.duels import Vote, Votes
from promptbreeder.store.tables import Tables
from promptbreeder.usecases.witnesses import seen
from promptbreeder.usecases.workbench import Workbench

DAY_SECONDS = 86_400.0


async def answered_by_now(bench: Workbench, skill: Skill) -> str | None:
    """Return what votes must be about to count: the weights and the rules of the skill's answers now; None: not known.

    Where its model cannot be had, that of the newest duel is taken for it.
    """
    with suppress(InvalidInput, ModelError):
        return skill.answered_by((await bench.model(skill.model)).weights)
    return await bench.store.read(lambda db: last_answered_by(db, skill))


def last_answered_by(db: Tables, skill: Skill) -> str | None:
    """Return the same as far as the store knows: the weights of the newest duel, under today's rules."""
    last = duels.last_answered_by(db, skill.name)
    return None if last is None else skill.answered_by(skill.weights_of(last))


def evidence(db: Tables, skill: Skill, votes: Votes, one: int, other: int) -> Mapping[str, Vote]:
    """Return the votes between two versions that are evidence (`witnesses.seen`), by input as it is seen."""
    cast = duels.between(votes, one, other)
    known = seen(db, skill, cast, one, other)
    return {text: vote for text, vote in cast.items() if text not in known}


def vote_test(
    db: Tables, skill: Skill, votes: Votes, *, candidate: int, incumbent: int, production: int, now: float
) -> VoteTest:
    """Return how the test of two versions stands, by the votes that are evidence; it begins with the first."""
    cast = evidence(db, skill, votes, candidate, incumbent)
    tally = duels.tally(cast.values(), challenger=candidate, incumbent=incumbent)
    days = 0.0 if tally.opened_at is None else max(0.0, now - tally.opened_at) / DAY_SECONDS
    settings = skill.settings
    judged = judge_votes(
        *tally.total,
        days=days,
        votes_cap=settings.votes,
        days_cap=settings.days,
        incumbent="production" if incumbent == production else f"version {incumbent}",
    )
    return VoteTest(
        candidate=candidate,
        incumbent=incumbent,
        verdict=judged.outcome,
        sentence=judged.sentence,
        wins=tally.total.wins,
        losses=tally.total.losses,
        ties=tally.total.ties,
        human=VoteCounts(**tally.human._asdict()),
        relayed=VoteCounts(**tally.relayed._asdict()),
        e_value=judged.e,
        votes_needed=judged.votes_needed,
        votes_left=judged.votes_left,
    )


def tests_of(db: Tables, skill: Skill, votes: Votes, now: float) -> tuple[VoteTest, ...]:
    """Return the tests of all candidates against production.

    A candidate is a version that is newer than production and has never been in production: what was rolled back had
    its chance, and what is older was there to be chosen when production was.
    """
    production, had_its_chance = events.production(db, skill.name), events.been_production(db, skill.name)
    return tuple(
        vote_test(db, skill, votes, candidate=version.n, incumbent=production, production=production, now=now)
        for version in versions.all_versions(db, skill.name)
        if version.n > production and version.n not in had_its_chance
    )


def chosen(tests: Sequence[VoteTest]) -> int | None:
    """Return the candidate to show next, or None where all are decided.

    Open tests go first. Where there is none, one that ended without a preference is resumed.
    """
    for outcomes in ({"open"}, {"inconclusive", "futile"}, {"win"}):
        standings = [Standing(test.candidate, test.wins, test.losses) for test in tests if test.verdict in outcomes]
        if standings:
            return choose_candidate(standings, random.Random(secrets.randbits(64)))
    return None


async def offer(bench: Workbench, name: str, text: str | None, weights: str | None = None) -> str | None:
    """Return, with the skill's show probability, that an A/B test is open and how to vote in it; else None.

    It is asked for with every answer of production, so it asks no model: `weights` are those of the skill's where
    there was need of it anyway, and else those of the newest duel are taken.
    """
    skill = await bench.store.read(lambda db: skills.get(db, name))
    if secrets.SystemRandom().random() >= skill.settings.show_probability:
        return None

    def look(db: Tables) -> tuple[VoteTest, ...]:
        on = last_answered_by(db, skill) if weights is None else skill.answered_by(weights)
        return tests_of(db, skill, duels.counting(db, name, on), bench.clock())

    found = [test for test in await bench.store.read(look) if test.verdict == "open"]
    if not found:
        return None
    told = ", ".join(f"version {test.candidate} ({test.wins + test.losses + test.ties} votes)" for test in found[:3])
    how = f"compare_prompts('{name}')" if text is None else f"compare_prompts('{name}', input=<the same input>)"
    return (
        f"An A/B test is open: {told} against production, version {found[0].incumbent}. {how} gives both answers "
        "blind; offer it to the user, who may vote."
    )
