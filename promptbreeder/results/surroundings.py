"""Models that can be used, and the doctor's findings."""

from promptbreeder.results.base import Result


class Restored(Result):
    """Result of putting a backup in the place of the database."""

    source: str
    kept: str | None
    """Where what was there is now; null: there was nothing."""

    def __str__(self) -> str:
        kept = "There was none before." if self.kept is None else f"What was there is kept as {self.kept}."
        return f"The database was restored from {self.source}. {kept}"


class ModelLine(Result):
    """A model that can be used; its speed in tokens a second where it was measured."""

    model: str
    megabytes: int
    detail: str
    reads: float | None = None
    writes: float | None = None
    fingerprint: str | None = None

    def __str__(self) -> str:
        size = f" ({self.megabytes:,} MB)" if self.megabytes else ""
        line = f"{self.model}{size}: {self.detail}"
        if self.reads is None:
            return line
        return f"{line}\n  reads {self.reads:,.0f} and writes {self.writes:,.0f} tokens a second\n  {self.fingerprint}"


class Finding(Result):
    """One line of the doctor's report."""

    ok: bool
    check: str
    detail: str

    def __str__(self) -> str:
        return f"{'ok ' if self.ok else 'BAD'} {self.check}: {self.detail}"
