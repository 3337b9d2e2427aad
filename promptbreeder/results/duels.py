"""Duels and votes."""

from typing import Literal

from promptbreeder.results.base import Result

VoteOutcome = Literal["win", "lose", "futile", "inconclusive", "open"]


class Duel(Result):
    """A blind comparison of two versions on one input; which is which is not told before the vote."""

    duel_id: str
    skill: str
    input: str
    a: str
    b: str
    expires_at: str
    next_step: str
    notice: str | None = None
    """Why a vote on it will not count, where it will not."""

    def __str__(self) -> str:
        head = f"Duel {self.duel_id} on '{self.skill}', open until {self.expires_at}"
        told = f"{self.notice} {self.next_step}" if self.notice else self.next_step
        return f"{head}\nInput: {self.input}\n\nA: {self.a}\n\nB: {self.b}\n\n{told}"


class VoteCounts(Result):
    """Votes for and against a candidate."""

    wins: int = 0
    losses: int = 0
    ties: int = 0

    def __str__(self) -> str:
        return f"{self.wins} won, {self.losses} lost, {self.ties} tied"


class VoteTest(Result):
    """What the votes between a candidate and an incumbent say so far, seen from the candidate."""

    candidate: int
    incumbent: int
    verdict: VoteOutcome
    sentence: str
    wins: int
    losses: int
    ties: int
    human: VoteCounts
    """Votes that people cast themselves: in a form, or in the terminal."""
    relayed: VoteCounts
    """Votes that an assistant passed on from its user."""
    e_value: float
    """Evidence that the candidate is preferred: shown at 20."""
    votes_needed: int
    """Least number of further votes, all for the candidate, that make it win."""
    votes_left: int
    """Of the votes that the skill allows for a test."""

    def __str__(self) -> str:
        return (
            f"Version {self.candidate} against version {self.incumbent}: {self.verdict}. {self.sentence} E "
            f"{self.e_value:.3g} of 20; {self.votes_needed} needed, {self.votes_left} left. "
            f"From people: {self.human}; relayed: {self.relayed}."
        )


class VoteReport(VoteTest):
    """Result of a vote: what it was cast for, and the state of the test."""

    duel_id: str
    skill: str
    chosen_version: int | None
    """Null for a tie."""
    a_version: int
    b_version: int
    notice: str | None = None
    """Why the vote does not count, where it does not; what followed from it, where something did."""

    def __str__(self) -> str:
        chosen = "a tie" if self.chosen_version is None else f"version {self.chosen_version}"
        cast_for = (
            f"Recorded for '{self.skill}', duel {self.duel_id}: {chosen} (A was version {self.a_version}, B was "
            f"version {self.b_version})."
        )
        lines = [cast_for, super().__str__()]
        return "\n".join([*lines, self.notice] if self.notice else lines)
