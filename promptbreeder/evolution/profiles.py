"""PromptBreeder's profiles: the numbers of a run, by name.

`paper` and `paper-small` are the settings of arXiv 2309.16797 (section 4 and its small ablation runs). `smollm2` is for
executors of 135M-360M parameters on a CPU, where measuring is what costs: one small block decides a tournament, what
looks promising is measured further, and the population starts out varied in what such a model reacts to most,
demonstrations and decoding.
"""

from dataclasses import dataclass, replace
from typing import Self

from promptbreeder.evolution.base_profile import SMALL_EXECUTOR, SMALL_WRITER, BaseProfile

Weighted = tuple[tuple[str, float], ...]

PAPER_OPERATORS: Weighted = tuple(
    (name, 1.0)
    for name in (
        "zero-order",
        "first-order",
        "eda",
        "eda-rank",
        "lineage",
        "zero-order-hyper",
        "first-order-hyper",
        "lamarck",
    )
)
"""Drawn uniformly (section 3.2); crossover and context shuffling come on top."""

SMALL_OPERATORS: Weighted = (
    ("demonstrations", 6.0),
    ("layout", 3.0),
    ("decoding", 2.0),
    ("phrases", 2.0),
    ("differential", 3.0),
    ("first-order", 2.0),
    ("zero-order", 1.0),
    ("lamarck", 1.0),
    ("eda", 0.5),
    ("eda-rank", 0.5),
    ("lineage", 0.5),
    ("zero-order-hyper", 0.5),
    ("first-order-hyper", 0.5),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile(BaseProfile):
    """Parameters of one run of PromptBreeder."""

    population: int
    """Units that are made and measured at the start."""
    survivors: int
    """Units that stay after the first look; as many as `population` to keep all."""
    tournaments: int
    """Binary tournaments, and so children, of one generation."""
    operators: Weighted
    """Enabled mutation operators and how often each is drawn, relative to the others."""
    crossover_rate: float = 0.1
    shuffle_rate: float = 0.1

    @property
    def room(self) -> int:
        """The whole first population may be given."""
        return self.population

    def resized(self, population: int) -> Self:
        """Return this profile with another population, of which no more survive than there are."""
        return replace(self, population=population, survivors=min(self.survivors, population))


PAPER = Profile(
    population=50,
    survivors=50,
    generations=25,
    tournaments=25,
    batch_blocks=None,
    operators=PAPER_OPERATORS,
    task_prompts=2,
    few_shot=True,
)
PAPER_SMALL = Profile(
    # 200 evaluations: 10 at the start and 5 children in each of 38 generations.
    population=10,
    survivors=10,
    generations=38,
    tournaments=5,
    batch_blocks=None,
    operators=PAPER_OPERATORS,
    task_prompts=2,
    few_shot=True,
)
SMOLLM2 = Profile(
    # In blocks of 16 items: 20 + 6 + 2 and 3 more for the first look, then 6 or 7 a generation. Few survivors, all of
    # them in each generation's tournaments, did best in simulation at every budget from 1,000 to 4,000 items: their
    # scores on earlier blocks are there already.
    population=20,
    survivors=6,
    generations=30,
    tournaments=3,
    operators=SMALL_OPERATORS,
    context_size=8,
    **SMALL_EXECUTOR,
    **SMALL_WRITER,
)
PROFILES: dict[str, Profile] = {"smollm2": SMOLLM2, "paper": PAPER, "paper-small": PAPER_SMALL}
