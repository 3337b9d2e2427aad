"""How live answers do, and what the monitor says and does."""

from typing import Literal

from promptbreeder.results.accuracy import Accuracy
from promptbreeder.results.base import Result

DriftState = Literal["ok", "degraded", "failing", "not enough data"]
DriftAction = Literal["none", "evolve", "roll back", "skipped"]


class Drift(Result):
    """What the live outcomes of the version in production say."""

    version: int
    state: DriftState
    right: int
    n: int
    """Outcomes in the window: the last 50 at most; below 20 nothing is concluded."""
    evidence: float
    """E-value of the detector that fewer than 80 % are right now; it alarms at 2,000."""
    window_below_eighty: bool
    """The window, looked at once, is significantly below 80 %: information, no trigger."""
    p_rollback: float
    """One-sided p-value of the window against 70 %."""
    probation: bool
    """Within its first 50 outcomes and 7 days in production."""
    sentence: str

    def __str__(self) -> str:
        return f"{self.sentence} (Evidence of a fall {self.evidence:.3g}; p against 70 % {self.p_rollback:.3f}.)"


class OutcomeReport(Result):
    """Result of recording an outcome."""

    call_id: str
    skill: str
    version: int
    """The version that answered."""
    correct: bool
    counted: bool
    """The version is in production, so that the outcome counts for its drift."""
    example: Literal["added", "known", "contradicts", "retired"] | None = None
    """What came of the expected answer as an example; `contradicts`: the one stored has another answer and was kept."""
    split: str | None = None
    """Split of the example that was added."""
    drift: Drift
    next_step: str

    def __str__(self) -> str:
        counted = "" if self.counted else f", which is not in production: it does not count for version {_of(self)}"
        lines = [
            (
                f"Call {self.call_id} of '{self.skill}' was {'right' if self.correct else 'wrong'} (version "
                f"{self.version}{counted})."
            )
        ]
        if self.example is not None:
            lines.append(
                {
                    "added": f"It became an example in the {self.split} split{_silent(self)}.",
                    "known": "The example is known already.",
                    "contradicts": "An example with this input and another answer is stored, and was kept.",
                    "retired": "The example was retired before, and stays so.",
                }[self.example]
            )
        return "\n".join([*lines, f"Live: {self.drift}", *([self.next_step] if self.next_step else [])])


def _of(report: OutcomeReport) -> int:
    return report.drift.version


def _silent(report: OutcomeReport) -> str:
    # An example of the gate, but not in every comparison: whoever counts on it should know.
    without = f"; it counts in comparisons without version {report.version} and versions made from it"
    return without if report.split == "gate" else ""


class Recheck(Result):
    """Production measured anew after its model changed, against what was stored, on the same examples."""

    before: Accuracy
    after: Accuracy
    better: int
    worse: int
    p: float | None
    """Two-sided exact McNemar p-value; null for graded scores."""
    fallen: bool
    """Significantly worse than on the model before."""
    left_out: int = 0
    """Gate examples that were not compared on: they came from answers of the version or its parents, or its prompt
    shows them."""
    sentence: str


class SkillCheck(Result):
    """What the monitor says of one skill."""

    skill: str
    production: int
    state: DriftState
    action: DriftAction
    acted: bool
    """The monitor has done it by itself, since the skill opted in."""
    sentence: str
    drift: Drift
    recheck: Recheck | None = None
    run_id: str | None = None
    """The run that was started."""
    checked_at: str | None = None
    """When the monitor last looked; null: never."""

    def __str__(self) -> str:
        return f"{self.skill}: {self.sentence}"


class MonitorReport(Result):
    """What the monitor says of all skills."""

    exit_code: int
    """0 ok, 1 degraded, 2 failing, 3 not enough data: the worst that is known of any skill."""
    checks: tuple[SkillCheck, ...]
    note: str = ""

    def __str__(self) -> str:
        lines = [*map(str, self.checks)] or ["No skills yet: there is nothing to watch."]
        return "\n".join([*lines, *([self.note] if self.note else [])])
