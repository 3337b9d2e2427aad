"""Recombination (section 3.2.5): crossover of task-prompts, and shuffling of the few-shot context.

Both come after a mutation operator, each with its own small probability, and never touch the mutation-prompt.
"""

from promptbreeder.evolution.asking import Step, attempt
from promptbreeder.evolution.asks import Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.population import Population, roulette, slots, task_prompt
from promptbreeder.prompt import Demonstration

_RESAMPLE_ALL = 0.1


def crossover(unit: Unit, population: Population, context: Context) -> Unit:
    """Replace one task-prompt by another member's, drawn in proportion to fitness."""
    slot = context.rng.choice(slots(unit.prompt))
    donors = [member for member in population if task_prompt(member, slot) not in ("", task_prompt(unit, slot))]
    if not donors:
        return unit
    donor = roulette(donors, context.rng)
    prompt = unit.prompt.but(**{slot: task_prompt(donor, slot)})
    return unit.model_copy(
        update={
            "prompt": prompt,
            "score": None,
            "operator": f"{unit.operator}+crossover",
            "parents": (*unit.parents, donor.prompt.content_hash),
        }
    )


def shuffle_context(unit: Unit, context: Context) -> Step[Unit]:
    """Refresh the unit's workings-out with new ones that led the executor to the right answer.

    One time in ten the whole list is drawn anew; otherwise one is added while there is room, or replaces a random one.
    """
    size, rng = context.profile.context_size, context.rng
    anew = rng.random() < _RESAMPLE_ALL
    shown = () if anew else unit.prompt.demonstrations
    workings = yield from correct_workings(unit, context, size if anew else 1, shown)
    if not workings:
        return unit
    kept = list(shown)
    if not anew and len(kept) >= size:
        kept.pop(rng.randrange(len(kept)))
    mixed = [*kept, *workings]
    rng.shuffle(mixed)
    prompt = unit.prompt.but(demonstrations=tuple(mixed))
    return unit.model_copy(update={"prompt": prompt, "score": None, "operator": f"{unit.operator}+context"})


def correct_workings(
    unit: Unit, context: Context, wanted: int, shown: tuple[Demonstration, ...]
) -> Step[tuple[Demonstration, ...]]:
    """Return up to `wanted` new workings-out on train examples; a wrong one is never shown to the executor as right.

    They are attempted under what stays `shown`: a list that is to be replaced would be copied from.
    """
    inputs = [shot.input for shot in shown]
    free = [index for index, example in enumerate(context.task.train) if example.input not in inputs]
    items = tuple(context.rng.sample(free, min(2 * wanted, len(free))))
    if not items:
        return ()
    trials = yield from attempt(unit.prompt.but(demonstrations=shown), items)
    workings = [
        Demonstration(input=context.task.train[trial.item].input, output=trial.working.strip())
        for trial in trials
        if trial.right and trial.working.strip()
    ]
    return tuple(workings[:wanted])
