"""Duels and votes: which two answers were shown in which order, and the one vote that each duel may get.

All votes are kept, and of two versions the first one on each input counts. Answers are the same whenever an input is
shown again, so one opinion could otherwise be cast as often as it takes to win. On another model, or under other rules,
they are other answers: a vote on those of before is kept, and says nothing of these.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from promptbreeder.errors import Conflict, NotFound
from promptbreeder.store.tables import Tables
from promptbreeder.text import as_seen

Choice = Literal["A", "B", "tie"]
Voter = Literal["human", "assistant"]


@dataclass(frozen=True, slots=True)
class Duel:
    """Two versions' answers to one input, in the order in which they were drawn."""

    duel_id: str
    skill: str
    a_version: int
    b_version: int
    input: str
    answer_a: str
    answer_b: str
    created_at: float
    expires_at: float
    answered_by: str | None = None
    """`Skill.answered_by`: the weights and the rules; None for a duel from before that was kept."""


class Vote(NamedTuple):
    """A vote that counts."""

    duel_id: str
    chosen: int | None
    """The version whose answer was preferred; None for a tie."""
    other: int | None
    voter: Voter
    cast_at: float
    """Unix seconds."""


Votes: TypeAlias = Mapping[frozenset[int], Mapping[str, Vote]]
"""The votes that count, by the two versions and the input as it is seen."""


class Counts(NamedTuple):
    """Votes between a challenger and an incumbent, seen from the challenger."""

    wins: int = 0
    losses: int = 0
    ties: int = 0


class Tally(NamedTuple):
    """The same by who voted: people themselves, or an assistant that says what its user chose."""

    human: Counts = Counts()
    relayed: Counts = Counts()
    opened_at: float | None = None
    """When the first vote was cast; Unix seconds."""

    @property
    def total(self) -> Counts:
        """All votes, whoever cast them."""
        return Counts(*(one + other for one, other in zip(self.human, self.relayed, strict=True)))


def create(db: Tables, duel: Duel) -> None:
    """Store a duel."""
    names = Duel.__slots__
    db.table("duels").insert({name: getattr(duel, name) for name in names})


def get(db: Tables, duel_id: str) -> Duel:
    """Return a duel.

    Raises:
        NotFound: if there is no such duel.
    """
    for row in db.query("SELECT * FROM duels WHERE duel_id = ?", [duel_id]):
        return Duel(**row)
    raise NotFound(f"no duel {duel_id[:40]!r}; compare_prompts makes one and gives its id")


def live(db: Tables, duel_id: str, *, now: float) -> Duel:
    """Return a duel that may be voted on.

    Raises:
        NotFound: if there is no such duel.
        Conflict: if it has a vote already or has expired.
    """
    duel = get(db, duel_id)
    for row in db.query("SELECT choice FROM votes WHERE duel_id = ?", [duel_id]):
        raise Conflict(f"duel {duel_id} has its vote already ({row['choice']}); compare_prompts makes a new one")
    if now > duel.expires_at:
        raise Conflict(f"duel {duel_id} has expired; compare_prompts makes a new one")
    return duel


def vote(db: Tables, duel_id: str, choice: Choice, *, voter: Voter, client: str, comment: str, now: float) -> None:
    """Record the one vote of a duel; raises as `live` does."""
    live(db, duel_id, now=now)
    db.table("votes").insert(
        {
            "duel_id": duel_id,
            "choice": choice,
            "voter": voter,
            "client": client,
            "comment": comment,
            "created_at": now,
        }
    )


def counting(db: Tables, skill: str, answered_by: str | None) -> Votes:
    """Return the votes on answers of this model and under these rules that count; with None, whatever they were on.

    Of two versions the first vote on each input, whichever was shown as A.
    """
    # What votes from before it was kept were on is not known: they are taken for votes on what was there next. By row,
    # not by time: the clock may have gone back.
    rows = db.query(
        "SELECT duel_id, a_version, b_version, input, choice, voter, votes.created_at FROM votes "
        "JOIN duels USING (duel_id) WHERE skill = :skill "
        "AND (:now IS NULL OR coalesce(answered_by, :first, :now) = :now) ORDER BY votes.rowid",
        {"skill": skill, "now": answered_by, "first": _first_answered_by(db, skill)},
    )
    found: dict[frozenset[int], dict[str, Vote]] = {}
    for row in rows:
        a, b = row["a_version"], row["b_version"]
        chosen, other = {"A": (a, b), "B": (b, a)}.get(row["choice"], (None, None))
        vote = Vote(row["duel_id"], chosen, other, row["voter"], row["created_at"])
        found.setdefault(frozenset((a, b)), {}).setdefault(as_seen(row["input"]), vote)
    return found


def last_answered_by(db: Tables, skill: str) -> str | None:
    """Return which weights gave the answers of the newest duel, and under which rules; None: not known."""
    rows = db.query(
        "SELECT answered_by FROM duels WHERE skill = ? AND answered_by IS NOT NULL ORDER BY rowid DESC LIMIT 1", [skill]
    )
    return next((str(row["answered_by"]) for row in rows), None)


def between(votes: Votes, one: int, other: int) -> Mapping[str, Vote]:
    """Return the votes between two versions, by the input as it is seen."""
    return votes.get(frozenset((one, other)), {})


def tally(cast: Iterable[Vote], *, challenger: int, incumbent: int) -> Tally:
    """Count votes between two versions."""
    chosen: dict[str, list[int | None]] = {"human": [], "assistant": []}
    times: list[float] = []
    for vote in cast:
        chosen[vote.voter].append(vote.chosen)
        times.append(vote.cast_at)
    human, relayed = (Counts(of.count(challenger), of.count(incumbent), of.count(None)) for of in chosen.values())
    return Tally(human, relayed, min(times, default=None))


def record(votes: Votes, version: int) -> tuple[int, int]:
    """Return how many duels a version has won and lost, against whatever opponent."""
    cast = [vote for pair in votes.values() for vote in pair.values()]
    return sum(vote.chosen == version for vote in cast), sum(vote.other == version for vote in cast)


def inputs(db: Tables, skill: str, one: int, other: int) -> frozenset[str]:
    """Return the inputs, as they are seen, that were shown in duels of two versions, voted on or not."""
    rows = db.query(
        "SELECT input FROM duels WHERE skill = :skill "
        "AND (a_version, b_version) IN (VALUES (:one, :other), (:other, :one))",
        {"skill": skill, "one": one, "other": other},
    )
    return frozenset(as_seen(row["input"]) for row in rows)


def _first_answered_by(db: Tables, skill: str) -> str | None:
    rows = db.query(
        "SELECT answered_by FROM duels WHERE skill = ? AND answered_by IS NOT NULL ORDER BY rowid LIMIT 1", [skill]
    )
    return next((str(row["answered_by"]) for row in rows), None)
