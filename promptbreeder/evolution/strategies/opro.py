"""OPRO (Yang et al., arXiv 2309.03409): the writer sees what was tried, with scores, and is asked for better.

Section 4.1: the meta-prompt holds the best prompts so far in ascending order of their scores, and a few exemplars of
the task. Each step samples several new texts from it. The writer sees and writes texts only; demonstrations, layout and
decoding are those of the best prompt so far.

What this file does not do: choose the winner (see `measuring`), and keep to the paper's wording of the request.
"""

from random import Random

from promptbreeder.evolution.asking import Step, arrivals
from promptbreeder.evolution.asks import Strategy, Task, Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.initial import initial_population
from promptbreeder.evolution.ledger import Ledger
from promptbreeder.evolution.measuring import batch_of, complete, first_look, measured_further, ranked
from promptbreeder.evolution.operators.demonstrations import draw
from promptbreeder.evolution.operators.modelfree import all_renewed
from promptbreeder.evolution.operators.task_prompts import demands_of, texts_of
from promptbreeder.evolution.opro_profiles import OproProfile
from promptbreeder.evolution.phrases import plain
from promptbreeder.evolution.population import Population, child_of, measured_fitness
from promptbreeder.evolution.similarity import is_near
from promptbreeder.evolution.telling import immigrant, newcomers, report
from promptbreeder.evolution.writer import Recipe, collect

NAME = "opro"
_HISTORY = "Instructions that were tried, each after its score from 0 to 100, the best one last:"
_EXEMPLARS = "Examples of the task:"
_WISH = "Write one new instruction, unlike all of these, that scores higher."
_SHOWN = 300
"""Characters of an exemplar's input."""
_PAIRS = (
    (
        f"""\
Task: Name the care that a house plant needs.
{_HISTORY}
31: Say something about the plant.
58: Is this plant for sun or shade?
{_EXEMPLARS}
Thick, waxy leaves, from the desert. => little water
{_WISH}""",
        "Look at the leaves and the place that the plant comes from, then name how much water it wants.",
    ),
)


def opro(task: Task, rng: Random, profile: OproProfile) -> Strategy:
    """Optimise by prompting with a history of scored prompts."""
    context, ledger = Context(task, rng, profile), Ledger(task.blocks)
    starts = max(profile.starts, min(len(task.seeds), profile.room))
    tried = yield from initial_population(context, starts)
    tried = yield from first_look(tried, profile.room, context, ledger)
    yield from report(0, tried, context)
    leader, number, stale = ranked(tried, ledger)[0], 0, 0
    for number in range(1, profile.generations + 1):
        guests = newcomers(tried, (yield from arrivals()), immigrant)
        kept = ranked(tried, ledger)[: profile.kept]
        new = (*guests, *(yield from _candidates(kept, tried, profile, context)))
        # Told before anything of it is measured: whatever wins, where it comes from is on record.
        yield from report(number, (*kept, *new), context)
        yield from ledger.measure([leader.prompt, *(unit.prompt for unit in new)], batch_of(context))
        tried = (*tried, *new)
        yield from measured_further(number, tried, profile, ledger)
        tried = tuple(ledger.noted(unit) for unit in tried)
        best = ranked(tried, ledger)[0]
        stale = 0 if ledger.advantage(best.prompt, leader.prompt) > 0 else stale + 1
        leader = best
        if stale == profile.patience:
            break
    yield from complete(ranked(tried, ledger)[: profile.final_candidates], ledger)
    yield from report(number, ranked(tried, ledger)[: profile.kept], context)


def _candidates(kept: Population, tried: Population, profile: OproProfile, context: Context) -> Step[Population]:
    """Return the step's candidates; where the writer gave too few texts, edits of the best prompt that need none."""
    leader, seen = kept[0], texts_of(tried, "instruction")
    texts = yield from collect(_meta_prompt(kept, seen, profile, context), context, profile.candidates)
    prompts = [leader.prompt.but(instruction=text) for text in texts]
    prompts += [leader.prompt] * (profile.candidates - len(texts))
    return all_renewed([child_of(leader, NAME, prompt) for prompt in prompts], tried, context)


def _meta_prompt(kept: Population, seen: tuple[str, ...], profile: OproProfile, context: Context) -> Recipe:
    lines = [f"Task: {context.task.description}", _HISTORY]
    lines += [f"{score}: {text}" for text, score in _history(kept, context)]
    if shots := draw(context.task, profile.exemplars, context.rng):
        lines += [_EXEMPLARS, *(f"{' '.join(shot.input.split())[:_SHOWN]} => {shot.output}" for shot in shots)]
    return Recipe(
        pairs=_PAIRS,
        request="\n".join((*lines, _WISH)),
        opening="New instruction:",
        verbs=profile.verbs,
        temperature=profile.temperature,
        demands=demands_of(
            context,
            parent="",
            rivals=seen,
            request=(_HISTORY, _WISH, *(part for pair in _PAIRS for part in pair)),
        ),
    )


def _history(kept: Population, context: Context) -> list[tuple[str, int]]:
    """Return the texts of the best prompts in ascending order of their scores, which are whole numbers, 0-100."""
    fittest: dict[str, Unit] = {}
    for unit in kept:
        text = plain(unit.prompt.instruction) or context.task.description
        # Prompts that differ in other things than their text stand in the list once, with the best of them.
        if unit.score and not is_near(text, fittest):
            fittest[text] = unit
    shown = list(fittest.items())[: context.profile.listed]
    return [(text, round(100 * measured_fitness(unit))) for text, unit in sorted(shown, key=_ascending)]


def _ascending(entry: tuple[str, Unit]) -> float:
    return measured_fitness(entry[1])
