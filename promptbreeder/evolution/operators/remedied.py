"""The remedies as one operator: the executor's own answers on train examples decide which of them is tried."""

from promptbreeder.evolution.asking import Step, attempt
from promptbreeder.evolution.asks import Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.diagnosis import ATTEMPTS, attemptable, diagnose
from promptbreeder.evolution.operators.remedies import REMEDIES, Case
from promptbreeder.evolution.population import Population, child_of


def remedied(unit: Unit, population: Population, context: Context) -> Step[Unit]:
    """Return a child with one of the remedies that the unit's failures call for."""
    task, taken = context.task, [member.prompt for member in population]
    open_ = attemptable(task.train, [unit.prompt])
    items = tuple(context.rng.sample(open_, min(ATTEMPTS, len(open_))))
    if not items:
        return unit
    case = Case(unit.prompt, task, diagnose(task, (yield from attempt(unit.prompt, items))))
    changed = [remedy.change(case, context.rng) for remedy in REMEDIES.values() if remedy.when(case)]
    new = [prompt for prompt in changed if prompt is not None and prompt not in taken]
    fitting = [prompt for prompt in new if task.has_room_for(prompt.instruction, unit.prompt.instruction)]
    return child_of(unit, "remedy", context.rng.choice(fitting)) if fitting else unit
