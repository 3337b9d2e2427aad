"""Examples: a page of them, and what became of one."""

from typing import Literal

from promptbreeder.results.base import Result
from promptbreeder.results.skills import SplitCounts


class ExampleLine(Result):
    """One example in use."""

    id: int
    split: str
    expected: str | None
    input: str


class ExamplePage(Result):
    """Some of a skill's examples, by id."""

    skill: str
    examples: tuple[ExampleLine, ...]
    counts: SplitCounts
    next_after: int | None
    """The id after which the next page begins; null: there are no more."""


class ExampleChange(Result):
    """Result of correcting, retiring or deleting an example."""

    skill: str
    example: int
    change: Literal["corrected", "retired", "deleted"]
    became: int | None = None
    """Id of the example that is in its place, where it was corrected."""
    split: str
    counts: SplitCounts
    """Examples in use now."""
    measured_versions: tuple[int, ...]
    """Versions with measurements that the example was part of: they no longer count it."""
    shown_in_versions: tuple[int, ...]
    """Versions whose prompt shows the example as a demonstration: versions never change."""
    run: str | None
    """A run that is going on or paused and has frozen the example."""

    def __str__(self) -> str:
        became = f"; example {self.became} is in its place" if self.became is not None else ""
        lines = [f"Example {self.example} ({self.split}) of '{self.skill}' {self.change}{became}. Now {self.counts}."]
        if self.measured_versions:
            lines.append(
                f"Measurements of {_versions(self.measured_versions)} no longer count it; what is missing is measured "
                "when it is next asked for."
            )
        if self.shown_in_versions:
            lines.append(
                f"{_versions(self.shown_in_versions).capitalize()} still shows it as a demonstration, and versions "
                "never change: evolve again, and promote what does without it."
            )
        if self.run is not None:
            lines.append(
                f"Run {self.run} cannot be resumed any more, since it needs the example."
                if self.change == "deleted"
                else f"Run {self.run} goes on with the example as it was; the gate will not count it."
            )
        return "\n".join(lines)


def _versions(numbers: tuple[int, ...]) -> str:
    return f"version{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
