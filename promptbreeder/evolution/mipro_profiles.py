"""Profiles of MIPRO (MIPROv2, arXiv 2406.11695).

`paper` is the paper's order of size: a pool of 100 attempted examples, up to 5 shown, 12 instructions, 100 trials on
two blocks (32 items) with a full evaluation after every fifth. `smollm2` is for executors of 135M-360M parameters that
write their own prompts: few written instructions, balanced lists of demonstrations, one block a trial.
"""

from dataclasses import dataclass
from typing import Self

from promptbreeder.errors import InvalidInput
from promptbreeder.evolution.base_profile import SMALL_WRITER, BaseProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class MiproProfile(BaseProfile):
    """Parameters of one run of MIPRO; a generation is one trial."""

    instructions: int
    """Instructions to choose among at the start, the given ones included."""
    written: int
    """How many of them are asked of the writer; the others are made of the train examples without a model."""
    written_summary: bool = False
    """The writer is asked what is typical of the data; needs a writer of some size."""
    exemplars: int = 0
    """The executor's right answers that a request shows; a small writer goes on with them instead of instructing."""
    pool: int
    """Train examples that the executor attempts, to learn from what it got right."""
    sets: int
    """Lists of demonstrations to choose among, besides the production prompt's own."""
    openings: int = 0
    """First trials that are fixed: the production prompt's text, decoded without label bias, with various lists."""
    startup: int = 10
    """Measured prompts before which the optimiser draws at random."""
    told: int = 10
    """Best prompts in a progress report."""

    @property
    def room(self) -> int:
        """As many prompts as there are instructions may be given."""
        return self.instructions

    def resized(self, population: int) -> Self:
        """Refuse: there is no population.

        Raises:
            InvalidInput: always.
        """
        raise InvalidInput(
            f"mipro has no population, so {population} has no meaning: it chooses among {self.instructions} "
            f"instructions and {self.sets} lists of demonstrations; leave population out"
        )


MIPRO_PROFILES = {
    "smollm2": MiproProfile(
        generations=40,
        batch_blocks=1,
        complete_every=4,
        completed=1,
        final_candidates=4,
        instructions=7,
        written=3,
        pool=32,
        sets=6,
        openings=3,
        startup=8,
        context_size=8,
        samples=3,
        **SMALL_WRITER,
    ),
    "paper": MiproProfile(
        generations=100,
        batch_blocks=2,
        complete_every=5,
        completed=1,
        instructions=12,
        written=11,
        written_summary=True,
        exemplars=2,
        pool=100,
        sets=12,
        context_size=5,
    ),
}
