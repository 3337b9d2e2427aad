"""Duels and votes: one vote for each duel, counted for whichever side it was cast for."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptbreeder.errors import Conflict, NotFound
from promptbreeder.store import duels
from promptbreeder.store.duels import Choice, Counts, Duel, Tally, Voter
from promptbreeder.store.tables import Tables

_SKILL = "ticket-route"


def _duel(db: Tables, duel_id: str, a: int, b: int, *, skill: str = _SKILL, text: str = "Parcel?") -> Duel:
    duel = Duel(duel_id, skill, a, b, text, "billing", "delivery", created_at=0.0, expires_at=100.0)
    duels.create(db, duel)
    return duel


def _vote(db: Tables, duel_id: str, choice: Choice, *, voter: Voter = "human", now: float = 1.0) -> None:
    duels.vote(db, duel_id, choice, voter=voter, client="test", comment="better", now=now)


def _tally(db: Tables, challenger: int = 2, incumbent: int = 1) -> Tally:
    cast = duels.between(duels.counting(db, _SKILL, None), challenger, incumbent)
    return duels.tally(cast.values(), challenger=challenger, incumbent=incumbent)


def test_a_duel_comes_back_as_it_was_shown(stocked: Tables) -> None:
    """The order too: a vote for A means nothing without it."""
    duel = _duel(stocked, "d-1", 2, 1)
    assert duels.get(stocked, "d-1") == duel
    with pytest.raises(NotFound, match="compare_prompts"):
        duels.get(stocked, "d-2")


@pytest.mark.parametrize("second", ["A", "B", "tie"])
def test_a_duel_has_one_vote(stocked: Tables, second: Choice) -> None:
    """A replayed or changed vote is refused, naming the one that counts, and changes nothing."""
    _duel(stocked, "d-1", 1, 2)
    _vote(stocked, "d-1", "A")
    before = _tally(stocked)
    with pytest.raises(Conflict, match=r"vote already \(A\)"):
        _vote(stocked, "d-1", second, voter="assistant", now=2.0)
    assert _tally(stocked) == before == Tally(human=Counts(losses=1), opened_at=1.0)


@pytest.mark.parametrize("statement", ["UPDATE votes SET choice = 'B'", "DELETE FROM votes"])
def test_a_vote_cannot_be_changed_or_removed(stocked: Tables, statement: str) -> None:
    """By no statement of ours."""
    _duel(stocked, "d-1", 1, 2)
    _vote(stocked, "d-1", "A")
    with pytest.raises(sqlite3.IntegrityError, match="votes never change"):
        stocked.execute(statement)


def test_an_expired_duel_takes_no_vote(stocked: Tables) -> None:
    """Up to its last moment it does."""
    for duel_id in ("d-1", "d-2"):
        _duel(stocked, duel_id, 1, 2)
    _vote(stocked, "d-1", "B", now=100.0)
    with pytest.raises(Conflict, match="expired"):
        _vote(stocked, "d-2", "B", now=100.1)
    assert _tally(stocked).total == (1, 0, 0)


def test_a_vote_for_no_duel_is_refused(stocked: Tables) -> None:
    """An invented id stores nothing."""
    with pytest.raises(NotFound):
        _vote(stocked, "d-9", "A")
    assert stocked.table("votes").count == 0


def test_an_unknown_choice_or_voter_is_refused_by_the_table(stocked: Tables) -> None:
    """What is counted later is one of the known words."""
    _duel(stocked, "d-1", 1, 2)
    choice: Any = "C"
    voter: Any = "robot"
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        _vote(stocked, "d-1", choice)
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        _vote(stocked, "d-1", "A", voter=voter)


def test_votes_between_other_versions_or_in_other_skills_do_not_count(
    stocked: Tables, stock: Callable[..., None]
) -> None:
    """Evidence for one pair is evidence for that pair; a version's record takes in all its opponents."""
    stock(stocked, "other")
    _duel(stocked, "d-1", 1, 2)
    _duel(stocked, "d-2", 3, 2)
    _duel(stocked, "d-3", 1, 2, skill="other")
    for duel_id in ("d-1", "d-2", "d-3"):
        _vote(stocked, duel_id, "B")
    assert _tally(stocked) == Tally(Counts(wins=1), opened_at=1.0)
    assert duels.record(duels.counting(stocked, _SKILL, None), 2) == (2, 0)
    assert duels.record(duels.counting(stocked, _SKILL, None), 3) == (0, 1)
    assert duels.record(duels.counting(stocked, _SKILL, None), 4) == (0, 0)


def test_inputs_that_were_shown_are_known(stocked: Tables, stock: Callable[..., None]) -> None:
    """Voted on or not, in whatever order; of this skill, and of these two versions."""
    stock(stocked, "other")
    shown = [(_SKILL, 1, 2, "x"), (_SKILL, 2, 1, " Y"), (_SKILL, 1, 2, "x"), (_SKILL, 1, 3, "w"), ("other", 1, 2, "z")]
    for number, (skill, a, b, text) in enumerate(shown):
        _duel(stocked, str(number), a, b, skill=skill, text=text)
    assert duels.inputs(stocked, _SKILL, 1, 2) == duels.inputs(stocked, _SKILL, 2, 1) == {"x", "y"}


def test_of_two_versions_the_first_vote_on_an_input_counts(stocked: Tables) -> None:
    """By the order in which they were cast, however the input is written; with another version it speaks anew."""
    votes: list[tuple[int, int, str, Choice, float]] = [
        (1, 2, "Where is it?", "B", 9.0),
        (2, 1, "where  is IT?", "B", 1.0),
        (1, 2, "Where is it?", "B", 10.0),
        (1, 2, "When?", "tie", 11.0),
        (1, 2, "When?", "A", 12.0),
        (1, 3, "Where is it?", "A", 13.0),
    ]
    for number, (a, b, text, choice, now) in enumerate(votes):
        _duel(stocked, str(number), a, b, text=text)
        _vote(stocked, str(number), choice, now=now)
    assert _tally(stocked) == Tally(Counts(wins=1, ties=1), opened_at=9.0)
    found = duels.counting(stocked, _SKILL, None)
    assert [duels.record(found, version) for version in (1, 2, 3)] == [(1, 1), (1, 0), (0, 1)]


@given(
    st.lists(
        st.tuples(
            st.permutations([1, 2, 3]),
            st.sampled_from(["A", "B", "tie", None]),
            st.sampled_from(["human", "assistant"]),
        ),
        max_size=10,
    )
)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tallies_agree_with_a_count_by_hand(
    scratch: Callable[[], AbstractContextManager[Tables]],
    stock: Callable[..., None],
    shown: list[tuple[list[int], Choice | None, Voter]],
) -> None:
    """Whichever stood as A, ties won by nobody, duels without a vote not counted; the other side sees the mirror."""
    with scratch() as db:
        stock(db)
        wins = {(one, two): 0 for one in (1, 2, 3) for two in (1, 2, 3)}
        cast: list[tuple[int, int | None, Voter]] = []
        for number, ((a, b, _), choice, voter) in enumerate(shown):
            _duel(db, str(number), a, b, text=f"input {number}")
            if choice is None:
                continue
            _vote(db, str(number), choice, voter=voter)
            cast.append((a + b, {"A": a, "B": b}.get(choice), voter))
            if choice != "tie":
                wins[(a, b) if choice == "A" else (b, a)] += 1
        for one, two in ((1, 2), (2, 1), (3, 1), (2, 3)):
            # The sum tells which two of the three.
            human, relayed = (
                Counts(*(cast.count((one + two, chosen, voter)) for chosen in (one, two, None)))
                for voter in ("human", "assistant")
            )
            found = _tally(db, one, two)
            assert found == Tally(human, relayed, 1.0 if sum(human) + sum(relayed) else None)
            assert found.total[:2] == (wins[one, two], wins[two, one])
            assert sum(found.total) == sum(human) + sum(relayed)
        for one in (1, 2, 3):
            won = sum(count for (winner, _), count in wins.items() if winner == one)
            lost = sum(count for (_, loser), count in wins.items() if loser == one)
            assert duels.record(duels.counting(db, _SKILL, None), one) == (won, lost)
