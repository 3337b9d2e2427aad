"""Profiles of OPRO (arXiv 2309.03409).

`paper` is the paper's setting: 8 candidates a step, the best 20 in the request, temperature 1, everything measured in
full. `smollm2` is for executors of 135M-360M parameters that write their own prompts: a request of a few lines, and one
block of examples a step.
"""

from dataclasses import dataclass
from typing import Self

from promptbreeder.errors import InvalidInput
from promptbreeder.evolution.base_profile import SMALL_WRITER, BaseProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class OproProfile(BaseProfile):
    """Parameters of one run of OPRO; a generation is one step."""

    starts: int = 1
    """Prompts that are made and measured at the start."""
    candidates: int = 8
    """Texts asked for in a step."""
    kept: int = 20
    """Best prompts that make up the history."""
    patience: int = 5
    """Steps without improvement after which the search stops."""
    exemplars: int = 3
    """Train examples shown in a request, drawn anew for each step."""
    temperature: float = 1.0
    verbs: bool = False
    """Open drafts with a verb, so that a small writer stays with the task."""

    @property
    def room(self) -> int:
        """As many prompts as the history holds may be given."""
        return self.kept

    def resized(self, population: int) -> Self:
        """Refuse: there is no population.

        Raises:
            InvalidInput: always.
        """
        raise InvalidInput(
            f"opro has no population, so {population} has no meaning: it keeps its best {self.kept} prompts as a "
            "history; leave population out"
        )


OPRO_PROFILES = {
    "smollm2": OproProfile(
        generations=20,
        batch_blocks=1,
        deepened=2,
        complete_every=4,
        completed=1,
        final_candidates=4,
        starts=8,
        candidates=4,
        exemplars=1,
        listed=5,
        verbs=True,
        varied_starts=True,
        redescriptions=3,
        context_size=8,
        **SMALL_WRITER,
    ),
    "paper": OproProfile(generations=200, batch_blocks=None),
}
