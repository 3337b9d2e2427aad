"""Models that can be used, and the doctor's findings."""

from promptbreeder.results.base import Result


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
