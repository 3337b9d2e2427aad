"""Differential evolution on prompts: keep what two members share, mutate only where they differ, cross into this unit.

The text step follows EvoPrompt's DE (arXiv 2309.08532, section 3.3), cut into phrases so that it also works without a
writer. The same difference is taken over the genes that are no text: layout, decoding and demonstrations.
"""

from itertools import zip_longest

from promptbreeder.evolution import seeds
from promptbreeder.evolution.asking import Step
from promptbreeder.evolution.asks import Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.operators.task_prompts import change, demands_of
from promptbreeder.evolution.phrases import PLACEHOLDER, join, plain, split
from promptbreeder.evolution.population import Population, child_of
from promptbreeder.evolution.similarity import distinct, is_near
from promptbreeder.evolution.writer import propose
from promptbreeder.prompt import Prompt

_CROSSING = 0.5


def differential(unit: Unit, population: Population, context: Context) -> Step[Unit]:
    """Return a child that takes a mutated difference of two other members into the unit."""
    two = two_others(unit, population, context)
    if two is None:
        return unit
    left, right = two
    prompt = genes_crossed(unit.prompt, left.prompt, right.prompt, context)
    if not PLACEHOLDER.search(unit.prompt.instruction):
        mutated = yield from mutated_difference(left, right, context)
        phrases = split(plain(left.prompt.instruction))
        donor = tuple(mutated.get(place, phrase) for place, phrase in enumerate(phrases))
        prompt = prompt.but(instruction=crossed(unit.prompt.instruction, donor, context))
    child = child_of(unit, "differential", prompt)
    return child.model_copy(update={"parents": (*child.parents, left.prompt.content_hash, right.prompt.content_hash)})


def two_others(unit: Unit, population: Population, context: Context) -> tuple[Unit, Unit] | None:
    """Return two random members with other prompts than the unit's, or None where there are not two."""
    others = [member for member in population if member.prompt != unit.prompt]
    if len(others) < 2:  # noqa: PLR2004  a difference needs two
        return None
    left, right = context.rng.sample(others, 2)
    return left, right


def genes_crossed(current: Prompt, left: Prompt, right: Prompt, context: Context) -> Prompt:
    """Return `current` with some of the demonstrations, format and decoding of `left`, where `right` differs."""
    changes: dict[str, object] = {}
    for gene in ("demonstrations", "format", "decoding"):
        if getattr(left, gene) != getattr(right, gene) and context.rng.random() < _CROSSING:
            changes[gene] = getattr(left, gene)
    return current.but(**changes)


def mutated_difference(left: Unit, right: Unit, context: Context) -> Step[dict[int, str]]:
    """Return the phrases that only the left text has, by their place in it, one of them put in other words."""
    phrases, other = split(plain(left.prompt.instruction)), split(plain(right.prompt.instruction))
    differing = [index for index, phrase in enumerate(phrases) if not is_near(phrase, other)]
    if not differing:
        return {}
    where = context.rng.choice(differing)
    mutation_prompt = context.rng.choice(seeds.mutation_prompts())
    demands = demands_of(context, parent=phrases[where], request=(mutation_prompt,))
    text = yield from propose(change(phrases[where], mutation_prompt, demands), context)
    return {index: text if text and index == where else phrases[index] for index in differing}


def crossed(current: str, donor: tuple[str, ...], context: Context) -> str:
    """Take each phrase from the donor or from the current text by a coin, and never say a thing twice."""
    # As in differential evolution, one place at least is the donor's.
    certain = context.rng.randrange(max(1, len(donor)))
    phrases = [
        theirs if theirs and (place == certain or not mine or context.rng.random() < _CROSSING) else mine
        for place, (mine, theirs) in enumerate(zip_longest(split(current), donor, fillvalue=""))
    ]
    text = join(distinct(phrases))
    return text if context.task.has_room_for(text, current) else current
