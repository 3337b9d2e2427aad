"""What any search has to beat: fixed prompts, drawn demonstrations, re-descriptions, and methods without a model."""

from collections import Counter
from random import Random

from task_files import Task  # beside this file

from promptbreeder.errors import InvalidInput
from promptbreeder.evolution import seeds
from promptbreeder.evolution.asks import Strategy
from promptbreeder.evolution.asks import Task as SearchTask
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.ledger import Ledger
from promptbreeder.evolution.operators.demonstrations import draw, even_sizes, usable
from promptbreeder.evolution.operators.task_prompts import change, demands_of
from promptbreeder.evolution.profiles import SMOLLM2
from promptbreeder.evolution.similarity import similarity
from promptbreeder.evolution.writer import propose
from promptbreeder.prompt import Decoding, Demonstration, Prompt

MOST = 500
"""Candidates of a baseline at most; the budget ends it earlier."""
MOST_SHOWN = 8
NEAREST = 4
"""Demonstrations that an input gets of its own."""


def each_in_full(task: SearchTask, rng: Random) -> Strategy:
    """Measure the given prompts in full, one after the other."""
    del rng
    ledger = Ledger(task.blocks)
    for prompt in task.seeds:
        yield from ledger.measure([prompt], range(task.blocks))


def best_of_n(task: SearchTask, rng: Random) -> Strategy:
    """Ask the writer for re-descriptions of the task, one by one, and measure all in full while the budget lasts."""
    context, ledger = Context(task, rng, SMOLLM2), Ledger(task.blocks)
    for _ in range(MOST):
        mutation_prompt, style = rng.choice(seeds.mutation_prompts()), rng.choice(seeds.thinking_styles())
        demands = demands_of(context, parent=task.description, request=(mutation_prompt, style))
        text = yield from propose(change(task.description, mutation_prompt, demands, style), context)
        if text:
            yield from ledger.measure([task.seeds[0].but(instruction=text)], range(task.blocks))


def random_demonstrations(task: SearchTask, rng: Random) -> Strategy:
    """Draw balanced lists of demonstrations for the seed prompt, and measure all in full while the budget lasts."""
    ledger, sizes = Ledger(task.blocks), even_sizes(task, MOST_SHOWN)
    for _ in range(MOST if usable(task) else 0):
        shots = draw(task, rng.choice(sizes), rng)
        yield from ledger.measure([task.seeds[0].but(demonstrations=shots)], range(task.blocks))


def random_demonstrations_calibrated(task: SearchTask, rng: Random) -> Strategy:
    """Do the same under calibrated decoding.

    Raises:
        InvalidInput: if the model cannot score labels.
    """
    if Decoding.CALIBRATED not in task.decodings:
        message = "this model cannot score labels"
        raise InvalidInput(message)
    calibrated = task.seeds[0].but(decoding=Decoding.CALIBRATED)
    return random_demonstrations(task.model_copy(update={"seeds": (calibrated,)}), rng)


def with_nearest(task: Task, text: str) -> Prompt:
    """Return the seed prompt with the train lines most like `text`, by character 3-grams, the most alike last."""
    lines = [example for example in task.train if example.expected]
    near = sorted(lines, key=lambda example: similarity(example.input, text))[-NEAREST:]
    shots = tuple(Demonstration(input=example.input, output=example.expected or "") for example in near)
    return task.seed_prompt.but(demonstrations=shots)


def majority(task: Task, lines: int) -> list[str]:
    """Answer so many lines with the most frequent train answer."""
    counts = Counter(example.expected or "" for example in task.train)
    return [counts.most_common(1)[0][0]] * lines
