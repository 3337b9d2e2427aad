"""Changes of format and decoding, which need no writer; FormatSpread (arXiv 2310.11324) shows how much they decide."""

from random import Random
from typing import Any

from promptbreeder.evolution.asks import Task, Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.population import Population, child_of
from promptbreeder.prompt import Decoding, Format, Prompt

INPUT_NAMES = ("", "Text", "Input", "Question")
LABEL_NAMES = ("", "Answer", "Label", "Category")
OUTPUT_NAMES = ("", "Answer", "Output")
SEPARATORS = (": ", " = ", " -> ", ":\n")


def change_layout(unit: Unit, population: Population, context: Context) -> Unit:
    """Change one feature of the format."""
    del population
    choices = visible(unit.prompt, context.task)
    feature = context.rng.choice(list(choices))
    now = getattr(unit.prompt.format, feature)
    changed = context.rng.choice([value for value in choices[feature] if value != now])
    style = unit.prompt.format.model_copy(update={feature: changed})
    return child_of(unit, "layout", unit.prompt.but(format=style))


def change_decoding(unit: Unit, population: Population, context: Context) -> Unit:
    """Take the answer another way, where the skill allows another."""
    del population
    others = [value for value in context.task.decodings if value != unit.prompt.decoding]
    if not others:
        return unit
    return child_of(unit, "decoding", unit.prompt.but(decoding=Decoding(context.rng.choice(others))))


def random_format(task: Task, rng: Random) -> Format:
    """Return a format with every feature drawn; demonstrations stay turns, which small models follow better."""
    drawn = {feature: rng.choice(values) for feature, values in features(task).items()}
    return Format.model_validate({**drawn, "demonstrations": "turns", "separator": ": "})


def visible(prompt: Prompt, task: Task) -> dict[str, tuple[Any, ...]]:
    """Return the features whose change the executor would see: without demonstrations or names some lay out nothing."""
    choices = features(task)
    if not prompt.demonstrations:
        del choices["demonstrations"]
    if not (prompt.format.input_name or prompt.format.output_name):
        del choices["separator"]
    return choices


def features(task: Task) -> dict[str, tuple[Any, ...]]:
    """Return the values that each feature of a format is drawn from."""
    return {
        "place": ("system", "user"),
        "demonstrations": ("turns", "inline"),
        "input_name": INPUT_NAMES,
        "output_name": LABEL_NAMES if task.labels else OUTPUT_NAMES,
        "separator": SEPARATORS,
    }
