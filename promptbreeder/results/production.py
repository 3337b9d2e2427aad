"""What moved production, and the history."""

from promptbreeder.results.base import Result


class Moved(Result):
    """Result of promote or rollback."""

    skill: str
    before: int
    after: int
    reason: str
    forced: bool = False
    evidence: str
    diff: str

    def __str__(self) -> str:
        forced = " (forced)" if self.forced else ""
        move = f"'{self.skill}' production: version {self.before} -> {self.after}{forced}."
        return f"{move} {self.evidence} Reason: {self.reason}\n{self.diff}".rstrip()


class HistoryLine(Result):
    """One event."""

    id: int
    at: str
    skill: str | None
    kind: str
    actor: str
    client: str
    reason: str
    before: int | None
    after: int | None
    sentence: str

    def __str__(self) -> str:
        return f"{self.at}  {self.sentence}"


class PastProduction(Result):
    """Which version was in production at a time."""

    skill: str
    at: str
    version: int | None
    """Null: the skill was not there yet."""
    since: str | None
    client: str | None
    """Who put it there."""
    sentence: str

    def __str__(self) -> str:
        return self.sentence
