"""Duels and votes: which two answers were shown in which order, and the one vote that each duel may get."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from promptbreeder.errors import Conflict, NotFound
from promptbreeder.store.tables import Tables

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


class Counts(NamedTuple):
    """Votes between a challenger and an incumbent, seen from the challenger."""

    wins: int = 0
    losses: int = 0
    ties: int = 0

    @property
    def cast(self) -> int:
        """All votes."""
        return self.wins + self.losses + self.ties


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


def tally(db: Tables, skill: str, *, challenger: int, incumbent: int) -> Tally:
    """Count the votes between two versions, whichever was shown as A."""
    cast: dict[str, list[int | None]] = {"human": [], "assistant": []}
    times: list[float] = []
    for row in _votes(db, skill):
        if {row["a_version"], row["b_version"]} == {challenger, incumbent}:
            cast[row["voter"]].append(_chosen(row))
            times.append(row["created_at"])
    human, relayed = (
        Counts(votes.count(challenger), votes.count(incumbent), votes.count(None)) for votes in cast.values()
    )
    return Tally(human, relayed, min(times, default=None))


def record(db: Tables, skill: str, version: int) -> tuple[int, int]:
    """Return how many duels a version has won and lost, against whatever opponent."""
    wins = losses = 0
    for row in _votes(db, skill):
        if version in {row["a_version"], row["b_version"]} and (chosen := _chosen(row)) is not None:
            wins += chosen == version
            losses += chosen != version
    return wins, losses


def inputs(db: Tables, skill: str) -> frozenset[str]:
    """Return the inputs that were shown in duels."""
    return frozenset(row["input"] for row in db.query("SELECT input FROM duels WHERE skill = ?", [skill]))


def _votes(db: Tables, skill: str) -> list[dict[str, Any]]:
    return list(
        db.query(
            "SELECT a_version, b_version, choice, voter, votes.created_at FROM votes JOIN duels USING (duel_id) "
            "WHERE skill = ?",
            [skill],
        )
    )


def _chosen(row: dict[str, Any]) -> int | None:
    chosen = {"A": row["a_version"], "B": row["b_version"]}.get(row["choice"])
    return None if chosen is None else int(chosen)
