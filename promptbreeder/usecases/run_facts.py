"""What is stored of a run while it goes on and when it has ended."""

import json
from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from promptbreeder.evaluation.meter import Usage
from promptbreeder.evolution.credit import Record
from promptbreeder.prompt import Prompt
from promptbreeder.requests import EvolveRequest
from promptbreeder.results import Leader
from promptbreeder.runs.guests import Fate
from promptbreeder.runs.outcome import Progress
from promptbreeder.runs.plan import Plan
from promptbreeder.store import runs

SHOWN_CHARACTERS = 100


class Probed(BaseModel):
    """What the best prompt made of one train example."""

    model_config = ConfigDict(frozen=True)

    item: int
    """Index into the plan's train ids."""
    answer: str
    right: bool


class RunProgress(BaseModel):
    """What a running run writes into its row after every step."""

    model_config = ConfigDict(frozen=True)

    generation: int = 0
    generations: int = 0
    best: Prompt | None = None
    best_accuracy: float | None = None
    baseline: float | None = None
    usage: Usage = Usage()
    seconds: float = 0.0
    rejected: dict[str, int] = Field(default_factory=dict)
    written: int = 0
    leaders: tuple[Leader, ...] = ()
    probed: tuple[Probed, ...] = ()
    operators: Mapping[str, Record] = Field(default_factory=dict)
    """How often each operator's children beat their parents; the last word when the run has ended."""
    agreement: float | None = None
    guests: Fate | None = None
    """What became of the candidates handed in; None in what an older program wrote."""

    @classmethod
    def of(cls, progress: Progress) -> Self:
        """Return the storable form of `progress`."""
        told = progress.generation
        best, score = progress.best or (None, None)
        return cls(
            generation=told.number if told else 0,
            generations=told.total if told else 0,
            best=best,
            best_accuracy=score.accuracy if score else None,
            baseline=progress.baseline.accuracy if progress.baseline and progress.baseline.complete else None,
            usage=progress.used,
            seconds=progress.seconds,
            rejected=told.rejected if told else {},
            written=told.written if told else 0,
            leaders=tuple(
                Leader(
                    prompt=prompt.instruction,
                    search_score=score.accuracy,
                    decoding=prompt.decoding,
                    demonstrations=len(prompt.demonstrations),
                    second_instruction=prompt.second_instruction,
                )
                for prompt, score in progress.leaders
            ),
            probed=tuple(
                Probed(item=trial.item, answer=(trial.answer or trial.working)[:SHOWN_CHARACTERS], right=trial.right)
                for trial in progress.probed
            ),
            operators=progress.operators,
            agreement=progress.agreement,
            guests=progress.guests,
        )


class RunResult(BaseModel):
    """How a run ended."""

    model_config = ConfigDict(frozen=True)

    version: int | None
    verdict: str
    search_score: float | None = None
    """Accuracy of the version on the search split, by which it was chosen: optimistic."""
    inherited: str = ""
    """What was taken over from other skills, and what it brought, in one sentence."""
    lacked_budget: bool = False
    """Whether a larger budget is what it needed; False also in results older than this."""
    enough_tokens: int = 0
    """About what budget would do, where that is known; 0 also in results older than this."""


def plan_of(run: runs.Run) -> Plan:
    """Return what a run's answers depend on, as it was frozen when the run was created."""
    return Plan.model_validate(json.loads(run.config)["plan"])


def request_of(run: runs.Run) -> EvolveRequest:
    """Return what a run was begun with; an argument that did not exist then has its default."""
    return EvolveRequest.parse(json.loads(run.config)["arguments"])


def operators_of(run: runs.Run) -> Mapping[str, Record]:
    """Return how often each operator's children beat their parents in a run, as far as it went."""
    return RunProgress.model_validate_json(run.progress).operators if run.progress else {}
