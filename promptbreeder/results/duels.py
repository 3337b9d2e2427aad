"""Duels and votes."""

from promptbreeder.results.base import Result


class Duel(Result):
    """A blind comparison of two versions on one input; which is which is not told before the vote."""

    duel_id: str
    skill: str
    input: str
    a: str
    b: str
    expires_at: str
    next_step: str

    def __str__(self) -> str:
        head = f"Duel {self.duel_id} on '{self.skill}', open until {self.expires_at}"
        return f"{head}\nInput: {self.input}\n\nA: {self.a}\n\nB: {self.b}\n\n{self.next_step}"


class VoteReport(Result):
    """Result of a vote: what it was cast for, and the tally of the two versions."""

    duel_id: str
    skill: str
    chosen_version: int | None
    """Null for a tie."""
    a_version: int
    b_version: int
    wins: dict[str, int]
    """Votes won, by version number."""
    ties: int
    human: int
    assistant: int

    def __str__(self) -> str:
        chosen = "a tie" if self.chosen_version is None else f"version {self.chosen_version}"
        tally = ", ".join(f"version {version}: {count}" for version, count in self.wins.items())
        return (
            f"Recorded for '{self.skill}', duel {self.duel_id}: {chosen} (A was version {self.a_version}, B was "
            f"version {self.b_version}). "
            f"Votes so far: {tally}, ties: {self.ties} ({self.human} human, {self.assistant} relayed)."
        )
