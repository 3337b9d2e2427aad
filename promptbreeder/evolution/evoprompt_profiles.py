"""Profiles of EvoPrompt (arXiv 2309.08532): both of its strategies have the same parameters.

`paper` is the setting of the paper's experiments: 10 members, 10 steps, everything measured in full. `smollm2` is for
executors of 135M-360M parameters that write their own prompts: 5 members, 10 generations, short requests, one block of
examples a generation.
"""

from dataclasses import dataclass, replace
from typing import Self

from promptbreeder.errors import InvalidInput
from promptbreeder.evolution.base_profile import SMALL_WRITER, BaseProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class EvoPromptProfile(BaseProfile):
    """Parameters of one run of EvoPrompt."""

    population: int
    """Members at the start and after each generation; a generation has as many children."""
    smallest: int = 2
    """Members without which a step cannot be done."""
    stepwise: bool = False
    """The writer is told all steps and writes each out (the paper's Figures 1 and 2); needs a writer of some size."""

    @property
    def room(self) -> int:
        """The whole first population may be given."""
        return self.population

    def resized(self, population: int) -> Self:
        """Return this profile with another population.

        Raises:
            InvalidInput: if a step needs more members.
        """
        if population < self.smallest:
            raise InvalidInput(f"this strategy needs a population of at least {self.smallest}, not {population}")
        return replace(self, population=population)


_PAPER = EvoPromptProfile(population=10, generations=10, batch_blocks=None, stepwise=True, max_draft_tokens=512)
_SMOLLM2 = EvoPromptProfile(
    population=5,
    generations=10,
    batch_blocks=1,
    complete_every=3,
    completed=1,
    final_candidates=4,
    varied_starts=True,
    redescriptions=2,
    context_size=8,
    samples=3,
    **SMALL_WRITER,
)
GA_PROFILES = {"smollm2": _SMOLLM2, "paper": _PAPER}
DE_PROFILES = {"smollm2": replace(_SMOLLM2, smallest=3), "paper": replace(_PAPER, smallest=3)}
"""The difference is taken of two members besides the current one."""
