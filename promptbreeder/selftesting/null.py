"""What has nothing to gain: labels drawn at random, a model that does not read its prompt, an idle operator.

Each example's label is drawn evenly, independently of its input and of all other labels. So whatever a prompt makes of
the inputs, it is right on each gate example with the same chance, and no version is better than another. A permutation
of given labels would not do: where labels are not equally frequent, answering with the commonest really is better.
For the same reason every answer must name a label, or asking for a label would be a real gain.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Self

from promptbreeder.evolution import strategies
from promptbreeder.evolution.asking import tell
from promptbreeder.evolution.asks import Generation, Strategy, Task, Unit
from promptbreeder.evolution.base_profile import RunProfile
from promptbreeder.evolution.ledger import Ledger
from promptbreeder.evolution.strategies import Chosen, Entry
from promptbreeder.models.base import Generate
from promptbreeder.prompt import Decoding, Prompt
from promptbreeder.requests import SkillDefinition
from promptbreeder.skill import Example, Settings

Choosing = Callable[..., Chosen]
LABELS = ("billing", "delivery", "technical")
PARENT = "parent"
"""Name of the strategy whose operator returns its parent."""
EXAMPLES = 90
_WORDS = ("invoice", "refund", "charge", "parcel", "courier", "doorstep", "crash", "login", "screen")


def null_skill(name: str, seed: int, decoding: Decoding) -> SkillDefinition:
    """Return a skill with random labels; each input names a label, again at random, for a model that echoes it."""
    rng = Random(seed)
    examples = tuple(
        Example(
            input=f"Ticket {number} from {rng.choice(LABELS)}: {rng.choice(_WORDS)}, {rng.choice(_WORDS)}",
            expected=rng.choice(LABELS),
        )
        for number in range(EXAMPLES)
    )
    return SkillDefinition(
        name=name,
        description="Route a support ticket to its queue.",
        prompt="Which queue does this ticket belong to?",
        labels=LABELS,
        examples=examples,
        salt=name,
        # Nothing but the evidence shall keep a version out: the gate decides, not the machine's speed.
        settings=Settings(allowed_decoding=(decoding,), latency_limit_seconds=600),
    )


def taste_skill(name: str) -> SkillDefinition:
    """Return a skill of two prompts that is judged by votes alone."""
    return SkillDefinition(
        name=name,
        description="Greet somebody.",
        prompt="Say hello.",
        variant="Say good day.",
        metric="preference",
    )


def at_random(request: Generate) -> str:
    """Answer with a label that the whole request decides, each equally often: every prompt is as good as any other."""
    digest = hashlib.sha256(repr(request.messages).encode()).digest()
    return LABELS[int.from_bytes(digest[:8], "big") % len(LABELS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentProfile(RunProfile):
    """Parameters of one run."""

    children: int
    """Of one generation."""

    @property
    def room(self) -> int:
        """The one parent."""
        return 1

    def resized(self, population: int) -> Self:
        """Return the profile with another number of children."""
        return replace(self, children=population)


def parent(task: Task, rng: Random, profile: ParentProfile) -> Strategy:
    """Search with an operator that returns its parent, but for a number without which it would not be measured."""
    del rng
    first, ledger = Prompt.model_validate(task.seeds[0]), Ledger(task.blocks)
    for number in range(1, profile.generations + 1):
        names = range((number - 1) * profile.children, number * profile.children)
        children = [first.but(instruction=f"{first.instruction} ({name})") for name in names]
        yield from ledger.measure(children, range(task.blocks))
        made = [
            Unit(prompt=child, mutation_prompt="", operator=PARENT, parents=(first.content_hash,)) for child in children
        ]
        units = tuple(ledger.noted(unit) for unit in made)
        yield from tell(Generation(number=number, total=profile.generations, units=units))


_PARENT = Entry(parent, "default", {"default": ParentProfile(generations=2, children=8)})


def choose(
    name: str, profile: str | None, *, generations: int | None, population: int | None, seed_with: str | None = None
) -> Chosen:
    """Return a strategy as the product does, and besides the one whose operator is idle."""
    if name == PARENT:
        return _PARENT.chosen(name, "default", generations, population)
    return strategies.choose(name, profile, generations=generations, population=population, seed_with=seed_with)
