"""Duels: what the votes say so far, and which candidate to show next. Pure."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from promptbreeder.evidence.evalues import LOG_SHOWN, LOG_SUSPECTED, as_number, is_futile, log_e_value, wins_needed
from promptbreeder.results import VoteOutcome

VOTES_CAP, DAYS_CAP = 30, 7.0


class VoteVerdict(NamedTuple):
    """What a vote test says after a vote, seen from the candidate."""

    outcome: VoteOutcome
    e: float
    """E-value that the candidate is preferred."""
    votes_needed: int
    """Least number of further votes, all for the candidate, that make it win."""
    votes_left: int
    sentence: str


def judge_votes(
    wins: int,
    losses: int,
    ties: int,
    *,
    days: float,
    votes_cap: int = VOTES_CAP,
    days_cap: float = DAYS_CAP,
    incumbent: str = "production",
) -> VoteVerdict:
    """Return the verdict on a candidate's votes against the incumbent, `days` after the test was opened.

    Ties are no evidence but they are votes: they count towards the cap. A test that ended inconclusive is resumed by
    giving it a higher cap; the evidence stays valid, whenever and however often it is looked at.

    Raises:
        ValueError: if a count is negative.
    """
    ahead, behind = log_e_value(wins, losses), log_e_value(losses, wins)
    cast = wins + losses + ties
    left = max(0, votes_cap - cast)
    needed = wins_needed(wins, losses)
    score = f"{wins} won, {losses} lost, {ties} tied"
    outcome: VoteOutcome
    if ahead >= LOG_SHOWN:
        outcome, sentence = "win", f"The candidate is preferred: {score}."
    elif behind >= LOG_SUSPECTED:
        outcome, sentence = "lose", f"{incumbent.capitalize()} is preferred: {score}."
    elif not left or days >= days_cap:
        limit = f"{cast} of {votes_cap} votes" if not left else f"{days_cap:g} days"
        outcome = "inconclusive"
        stays = f"{incumbent.capitalize()} stays; the test may be resumed."
        sentence = f"No preference shown after {limit}: {score}. {stays}"
    elif is_futile(wins, losses, left):
        outcome = "futile"
        sentence = f"Not to be decided in time: {score}; {votes_in_a_row(needed)} needed, {left} left."
    else:
        outcome = "open"
        sentence = f"Open: {score}; {votes_in_a_row(needed)} would decide, {left} left."
    return VoteVerdict(outcome, as_number(ahead), needed, left, sentence)


def votes_in_a_row(count: int) -> str:
    """Return how many more votes, all for the candidate, as words."""
    return "1 more vote won" if count == 1 else f"{count} more votes won in a row"


class Standing(NamedTuple):
    """A candidate's votes against production."""

    version: int
    wins: int
    losses: int


def choose_candidate(candidates: Sequence[Standing], rng: Random) -> int:
    """Return the version to show next, by Thompson sampling (1933) on Beta(1 + wins, 1 + losses) posteriors.

    Give only candidates whose vote test is open. What it favours is shown more often; the verdict on each is still its
    e-value, which holds for any rule of showing.

    Raises:
        ValueError: if there is no candidate.
    """
    if not candidates:
        message = "no candidate to choose from"
        raise ValueError(message)
    draws = [rng.betavariate(1 + candidate.wins, 1 + candidate.losses) for candidate in candidates]
    return candidates[draws.index(max(draws))].version
