"""The profile of `auto`, and what is believed of the operators before anything was tried on a skill.

For executors of 135M-360M parameters that may have to write their own prompts. Numbers of measuring are those of
PromptBreeder's `smollm2`, see there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from promptbreeder.evolution.base_profile import SMALL_EXECUTOR, SMALL_WRITER, BaseProfile
from promptbreeder.evolution.credit import Record

WRITERLESS: Mapping[str, Record] = {
    "demonstrations": Record(4, 8),
    "decoding": Record(2, 8),
    "layout": Record(3, 8),
    "phrases": Record(2, 8),
    "remedy": Record(3, 8),
}
"""Operators that ask no writer; in the order in which equals are tried."""
WRITTEN: Mapping[str, Record] = {
    "differential": Record(2, 8),
    "first-order": Record(1, 8),
    "zero-order": Record(1, 8),
    "lamarck": Record(1, 8),
    "eda": Record(1, 8),
    "eda-rank": Record(1, 8),
    "lineage": Record(1, 8),
    "zero-order-hyper": Record(1, 8),
    "first-order-hyper": Record(1, 8),
}
"""Operators that ask one: PromptBreeder's, EvoPrompt's difference, and `eda-rank`, which like OPRO shows a history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoProfile(BaseProfile):
    """Parameters of one run."""

    population: int
    """Units that are made and measured at the start."""
    survivors: int
    """Units that stay after each generation."""
    children: int
    """New units of one generation."""
    writerless: int
    """Generations after the start in which no writer is asked."""

    @property
    def room(self) -> int:
        """The whole first population may be given."""
        return self.population

    def resized(self, population: int) -> Self:
        """Return this profile with another population, of which no more survive than there are."""
        return replace(self, population=population, survivors=min(self.survivors, population))


AUTO_PROFILES: dict[str, AutoProfile] = {
    "smollm2": AutoProfile(
        population=20,
        survivors=6,
        children=4,
        writerless=2,
        generations=30,
        redescriptions=4,
        context_size=48,
        **SMALL_EXECUTOR,
        **SMALL_WRITER,
    ),
}
