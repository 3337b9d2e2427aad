"""How a run ended, and how far one is that goes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from promptbreeder.evaluation.meter import Usage
from promptbreeder.evolution import asks
from promptbreeder.evolution.asks import Score
from promptbreeder.evolution.credit import Record
from promptbreeder.prompt import Prompt
from promptbreeder.runs.guests import Fate
from promptbreeder.runs.journal import Gated


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    ended_by: Literal["strategy", "budget", "time", "cancel"]
    winner: Prompt | None
    """None where not even the incumbent could be measured in full."""
    score: Score | None
    """The winner's on the whole search split."""
    baseline: Score | None
    gated: Gated | None
    """None where the incumbent itself won, or the gate was not reached."""
    undecided: bool = False
    """Whether the search was cut off before any candidate was measured in full, or all were shown to be no better."""
    enough_tokens: int = 0
    """About what budget a search needs to get anywhere; 0 where not one example was measured."""
    leads: tuple[float | None, ...] = ()
    """Accuracy of each of the plan's lessons minus the incumbent's, on the search items that both were measured on."""
    begun: bool = True
    """Whether the plan's strategy came to a first population, where another went first (`Plan.seed_with`)."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What can be said while a run goes on."""

    generation: asks.Generation | None
    best: tuple[Prompt, Score] | None
    baseline: Score | None
    leaders: tuple[tuple[Prompt, Score], ...]
    """The best prompts of different texts, best first."""
    probed: tuple[asks.Trial, ...]
    """How the best prompt, or the one that was best before, did on a few train examples."""
    operators: Mapping[str, Record]
    """How often each operator's children beat their parents so far."""
    guests: Fate
    used: Usage
    seconds: float
    agreement: float | None
    """Rank correlation of likelihood and accuracy over this skill's prompts so far."""
