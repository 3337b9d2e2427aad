"""Demonstrations that the executor made itself: its own right answers on train examples (arXiv 2406.11695, section 3).

A wrong answer is never shown as right. Where too few were right, examples as the owner of the skill gave them fill up.
"""

from collections.abc import Sequence

from promptbreeder.evolution.asking import Step, attempt
from promptbreeder.evolution.asks import Task, Trial
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.operators.demonstrations import draw, even_sizes, permuted, usable
from promptbreeder.prompt import Demonstration, Prompt

Shots = tuple[Demonstration, ...]


def attempted(prompt: Prompt, context: Context, pool: int) -> Step[tuple[Trial, ...]]:
    """Let the executor answer up to `pool` random train examples that can be shown and that `prompt` does not show."""
    task = context.task
    showable = [shot.input for shot in usable(_to_answer(task))]
    shown = [shot.input for shot in prompt.demonstrations]
    open_ = [n for n, example in enumerate(task.train) if example.input in showable and example.input not in shown]
    items = tuple(context.rng.sample(open_, min(pool, len(open_))))
    return (yield from attempt(prompt, items)) if items else ()


def bootstrapped_sets(trials: Sequence[Trial], context: Context, count: int) -> tuple[Shots, ...]:
    """Return up to `count` different lists: the first as the owner gave them, the others with the executor's answers.

    The lists have different lengths, and every label equally often as far as there are examples of it.
    """
    task, rng = context.task, context.rng
    if not usable(_to_answer(task)):
        return ()
    workings = {task.train[t.item].input: t.working.strip() for t in trials if t.right and t.working.strip()}
    own = _only(task, workings)
    sizes = even_sizes(task, context.profile.context_size)
    found: dict[Shots, None] = {}
    for number in range(count):
        size = sizes[-1 - number % len(sizes)]
        right = draw(own, size, rng) if number else ()
        given = draw(task, size - len(right), rng, shown=right)
        answered = [shot.model_copy(update={"output": workings[shot.input]}) for shot in right]
        found[permuted((*answered, *given), rng)] = None
    return tuple(found)


def _only(task: Task, workings: dict[str, str]) -> Task:
    train = tuple(example for example in task.train if example.input in workings)
    return _to_answer(task.model_copy(update={"train": train}))


def _to_answer(task: Task) -> Task:
    """Return `task` for a list in which the executor's answers stand in the place of what is expected."""
    return task.model_copy(update={"expects_patterns": False})
