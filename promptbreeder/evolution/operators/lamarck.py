"""Lamarckian mutation (section 3.2.4): from a working-out that led to a right answer back to an instruction."""

from promptbreeder.evolution.asking import Step, attempt
from promptbreeder.evolution.asks import Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.operators.task_prompts import demands_of, rewritten, texts_of
from promptbreeder.evolution.phrases import plain
from promptbreeder.evolution.population import Population, Slot, task_prompt
from promptbreeder.evolution.writer import Recipe

_TRIED = 4
"""Train examples attempted for one working-out."""
_SHOWN_CHARACTERS = 400
_HEADING = "A friend followed an instruction. This is what was read, and what the friend did with it, correctly."
_PAIRS = (
    (
        f"""\
{_HEADING}
Read: Wooden chair, oak, 1920, one leg repaired.
Done: A repaired leg is not the original state. damaged
What was the instruction?""",
        "Read the description of the furniture and say whether the piece is intact or damaged.",
    ),
)


def lamarck(unit: Unit, population: Population, context: Context) -> Step[Unit]:
    """Show the writer correct work and ask which instruction it followed; without any train example nothing changes."""
    working = yield from _correct_working(unit, context)
    if working is None:
        return unit

    def recipe(slot: Slot) -> Recipe:
        read, done = working
        return Recipe(
            pairs=_PAIRS,
            request=f"{_HEADING}\nRead: {read}\nDone: {done}\nWhat was the instruction?",
            opening="The instruction was:",
            demands=demands_of(
                context,
                parent=plain(task_prompt(unit, slot)),
                rivals=texts_of(population, slot),
                request=tuple(part for pair in _PAIRS for part in pair),
            ),
        )

    return (yield from rewritten(unit, "lamarck", context, recipe))


def _correct_working(unit: Unit, context: Context) -> Step[tuple[str, str] | None]:
    train = context.task.train
    usable = [index for index, example in enumerate(train) if example.expected]
    if not usable:
        return None
    items = tuple(context.rng.sample(usable, min(_TRIED, len(usable))))
    trials = yield from attempt(unit.prompt, items)
    right = next((trial for trial in trials if trial.right and trial.working.strip()), None)
    if right is None and context.task.expects_patterns:
        return None
    # The executor got nothing right: what the owner of the skill gave as right has to do.
    item, done = (right.item, right.working) if right else (items[0], train[items[0]].expected or "")
    return " ".join(train[item].input.split())[:_SHOWN_CHARACTERS], " ".join(done.split())[:_SHOWN_CHARACTERS]
