"""What an operator knows besides the unit it changes and the population around it."""

from dataclasses import dataclass, field
from random import Random

from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.base_profile import BaseProfile
from promptbreeder.evolution.influence import Influence


@dataclass(slots=True)
class Tally:
    """Counts what the writer gave, and why what was refused was refused."""

    written: int = 0
    rejected: dict[str, int] = field(default_factory=dict)

    def reject(self, reason: str) -> None:
        """Count one refused text."""
        self.rejected[reason] = self.rejected.get(reason, 0) + 1


@dataclass(frozen=True, slots=True)
class Context:
    """The task, the one source of randomness, the parameters, the count of refused texts, and what was learnt."""

    task: Task
    rng: Random
    profile: BaseProfile
    tally: Tally = field(default_factory=Tally)
    influence: Influence = field(default_factory=Influence)
    """Of the train examples as demonstrations."""
