"""What the profile of every strategy says; each strategy adds the numbers of its own selection."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final, Self, TypedDict


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProfile(ABC):
    """What a run's caller may replace."""

    generations: int

    @property
    @abstractmethod
    def room(self) -> int:
        """How many given prompts the first population takes."""

    @abstractmethod
    def resized(self, population: int) -> Self:
        """Return this profile with another size of population.

        Raises:
            InvalidInput: if the strategy cannot work with that.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseProfile(RunProfile):
    """Parameters that operators and measuring read; how each is used is said where it is used."""

    batch_blocks: int | None
    """Blocks in a generation's batch; None for the whole search split."""
    deepened: int = 0
    """Best units that are measured on one more block after each generation."""
    complete_every: int = 1
    """Generations between two full measurements of the best units."""
    completed: int = 2
    """How many units these are."""
    final_candidates: int = 5
    """Best units that are measured on all blocks at the end."""

    task_prompts: int = 1
    few_shot: bool = False
    """Units carry correct workings-out, refreshed by context shuffling (arXiv 2309.16797, section 3.2.5)."""
    context_size: int = 4
    """Workings-out or demonstrations that a list has at most when it is drawn anew."""
    varied_starts: bool = False
    """Start with various demonstrations, layouts and decodings around few texts, instead of one new text per unit."""
    redescriptions: int = 4
    """With `varied_starts`: texts asked of the writer for the initial population."""
    samples: int = 1
    """Drafts per text wanted; the first valid one is taken."""
    reasks: int = 3
    """How often drafts are asked for again when none was valid."""
    on_topic: bool = False
    """New task-prompts must share a word with the task or the parent."""
    max_draft_tokens: int = 128
    max_task_prompt_words: int = 150
    max_mutation_prompt_words: int = 150
    listed: int = 20
    """Task-prompts that a list in a request shows at most."""


class _Writing(TypedDict):
    reasks: int
    on_topic: bool
    max_draft_tokens: int
    max_task_prompt_words: int


SMALL_WRITER: Final[_Writing] = {
    "reasks": 1,
    "on_topic": True,
    "max_draft_tokens": 48,
    "max_task_prompt_words": 60,
}
"""For writers of 135M-360M parameters, in every strategy's profile for them."""


class _Varied(TypedDict):
    varied_starts: bool
    samples: int
    max_mutation_prompt_words: int
    listed: int
    batch_blocks: int
    deepened: int
    complete_every: int
    completed: int
    final_candidates: int


SMALL_EXECUTOR: Final[_Varied] = {
    "varied_starts": True,
    "samples": 3,
    "max_mutation_prompt_words": 60,
    "listed": 6,
    "batch_blocks": 1,
    "deepened": 2,
    "complete_every": 4,
    "completed": 2,
    "final_candidates": 2,
}
"""For executors of that size, on which measuring costs most: one small block decides, and few are measured further."""
