"""Duels and votes: which two answers were shown in which order, and the one vote that each duel may get."""

from dataclasses import dataclass
from typing import Any, Literal

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


@dataclass(frozen=True, slots=True)
class Tally:
    """Votes between a challenger and an incumbent, seen from the challenger."""

    wins: int
    losses: int
    ties: int
    human: int
    assistant: int


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


def vote(db: Tables, duel_id: str, choice: Choice, *, voter: Voter, client: str, comment: str, now: float) -> None:
    """Record the one vote of a duel.

    Raises:
        NotFound: if there is no such duel.
        Conflict: if it has a vote already or has expired.
    """
    duel = get(db, duel_id)
    for row in db.query("SELECT choice FROM votes WHERE duel_id = ?", [duel_id]):
        raise Conflict(f"duel {duel_id} has its vote already ({row['choice']}); compare_prompts makes a new one")
    if now > duel.expires_at:
        raise Conflict(f"duel {duel_id} has expired; compare_prompts makes a new one")
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
    wins = losses = ties = human = assistant = 0
    for row in _votes(db, skill):
        if {row["a_version"], row["b_version"]} != {challenger, incumbent}:
            continue
        human += row["voter"] == "human"
        assistant += row["voter"] == "assistant"
        chosen = _chosen(row)
        wins += chosen == challenger
        losses += chosen == incumbent
        ties += chosen is None
    return Tally(wins, losses, ties, human, assistant)


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
            "SELECT a_version, b_version, choice, voter FROM votes JOIN duels USING (duel_id) WHERE skill = ?", [skill]
        )
    )


def _chosen(row: dict[str, Any]) -> int | None:
    chosen = {"A": row["a_version"], "B": row["b_version"]}.get(row["choice"])
    return None if chosen is None else int(chosen)
