"""Plan: everything that the answers of a run depend on, frozen in its row when it is created.

Resume feeds the journal to a new generator; that is sound only if nothing below has changed in between. So the plan
names ids of examples (whose content never changes, though it may be deleted), settings, fingerprints, the measured
rates behind the latency score, and the versions of the code whose answers it replays.
"""

import sys
from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from promptbreeder.errors import ReplayMismatch
from promptbreeder.evaluation.metrics import METRICS_VERSION
from promptbreeder.evolution.asks import MOST_LIST_CHARACTERS
from promptbreeder.evolution.credit import Record
from promptbreeder.evolution.lessons import Lesson
from promptbreeder.evolution.strategies.mipro import installed_optuna
from promptbreeder.prompt import Prompt, strictest
from promptbreeder.skill import Skill

ENGINE_VERSION: Final = 6
"""Bumped when strategy, race or runner code changes its asks or answers."""
PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
"""`random.Random` promises the same numbers for the same seed only within a minor version."""


class Plan(BaseModel):
    """The frozen configuration of one run."""

    model_config = ConfigDict(frozen=True)

    skill: Skill
    seeds: tuple[Prompt, ...] = Field(min_length=1)
    """Prompts to start from; the first is the production prompt, against which the winner is judged."""
    incumbent: int
    """Version number of the production prompt."""
    incumbent_prior: tuple[float, ...] | None = None
    """The calibration that it is executed with; None where none is stored for this model, and in older plans."""
    strategy: str
    profile: str
    generations: int | None = None
    """Overrides the profile."""
    population: int | None = None
    seed_with: str | None = None
    """Strategy that makes the first population; None also in plans older than this."""
    seed: int
    token_limit: int
    call_limit: int
    seconds_limit: float
    list_characters: int = MOST_LIST_CHARACTERS
    """Of a list of demonstrations, at most; see `affordable`."""
    train_ids: tuple[int, ...]
    search_ids: tuple[int, ...]
    search_left_out: int = 0
    """The number of search examples that the budget does not carry; 0 also in plans older than this."""
    gate_ids: tuple[int, ...]
    """Without those that came from answers of the incumbent or its parents, or that its prompt shows."""
    gate_left_out: int = 0
    """The number of those; 0 also in plans older than this."""
    executor: str
    """Fingerprint of the executor."""
    writer: str
    """Fingerprint of the writer."""
    read_rate: float
    write_rate: float
    preference: float
    priors: Mapping[str, Record] = Field(default_factory=dict)
    """How operators have done elsewhere, as it was known when the run began."""
    lessons: tuple[Lesson, ...] = ()
    """Those of the seeds that other skills taught."""
    engine_version: int = ENGINE_VERSION
    metrics_version: int = METRICS_VERSION
    python: str = PYTHON
    optuna: str | None = None
    """Version of Optuna, where the strategy asks it; None for all other strategies."""

    @property
    def guests(self) -> tuple[Prompt, ...]:
        """Those of the seeds that were handed in as candidates."""
        return self.seeds[1 : len(self.seeds) - len(self.lessons)]

    def allowed(self, prompt: Prompt) -> Prompt:
        """Return `prompt`, under another way of decoding where the skill does not allow its own."""
        decodings = self.skill.decodings
        return prompt if prompt.decoding in decodings else prompt.but(decoding=strictest(decodings))

    def check_resumable(self, executor: str, writer: str) -> None:
        """Refuse to replay under other models or code.

        Raises:
            ReplayMismatch: naming what changed and the way out.
        """
        for what, then, now in (
            ("the model", self.executor, executor),
            ("the writer model", self.writer, writer),
            ("the search engine's version", self.engine_version, ENGINE_VERSION),
            ("the metrics' version", self.metrics_version, self._metrics_version()),
            ("Python", self.python, PYTHON),
            ("Optuna", self.optuna, (installed_optuna() or "not installed") if self.optuna else None),
        ):
            if then != now:
                raise ReplayMismatch(
                    f"{what} changed since this run began ({then} -> {now}), so its journal cannot be replayed. "
                    "Resume it where that has not changed; or cancel_run it and start a new one with evolve_prompt, "
                    "with its best prompts as candidates."
                )

    def _metrics_version(self) -> int:
        """Return the metrics' version of now: that of the plan where they judge its skill as they did then."""
        same = self.skill.judged_since <= self.metrics_version <= METRICS_VERSION
        return self.metrics_version if same else METRICS_VERSION
