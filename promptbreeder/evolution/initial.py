"""The initial population (section 3.1), as the paper makes it or varied for executors that hardly read instructions.

The given seeds always come first and unchanged: the production prompt is what has to be beaten.
"""

from collections.abc import Sequence

from promptbreeder.evolution import seeds
from promptbreeder.evolution.asking import Step
from promptbreeder.evolution.asks import Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.lockstep import together
from promptbreeder.evolution.operators.demonstrations import draw, list_sizes
from promptbreeder.evolution.operators.layout import random_format
from promptbreeder.evolution.operators.modelfree import made_new
from promptbreeder.evolution.operators.phrase_edits import with_labels_last
from promptbreeder.evolution.operators.recombination import correct_workings
from promptbreeder.evolution.operators.task_prompts import change, demands_of
from promptbreeder.evolution.phrases import plain
from promptbreeder.evolution.population import Population, T
from promptbreeder.evolution.similarity import distinct
from promptbreeder.evolution.writer import propose
from promptbreeder.prompt import MAX_PROMPT_CHARACTERS, Decoding, Format, Prompt

SECOND_INSTRUCTION = "So the final answer is:"
"""Stands in where the writer finds no second task-prompt."""
_FAVOUR = (*[Decoding.CALIBRATED] * 3, Decoding.CONSTRAINED, *[Decoding.CALIBRATED] * 3, Decoding.FREE)
"""Mostly calibrated: a constrained twin of a calibrated prompt costs nothing to measure later, since the label
probabilities are the same."""


def initial_population(context: Context, count: int) -> Step[Population]:
    """Return the first `count` units, not measured yet."""
    given = [Prompt.model_validate(seed) for seed in context.task.seeds] or [Prompt(instruction="")]
    units = [_unit(prompt, "seed", context) for prompt in given[:count]]
    more = count - len(units)
    if more > 0:
        grow = _varied if context.profile.varied_starts else _redescribed
        for unit in (yield from grow(given[0], more, context)):
            units.append(made_new(unit, tuple(units), context))
    return tuple(units)


def _redescribed(seed: Prompt, count: int, context: Context) -> Step[Population]:
    """Ask for one re-description per unit: random mutation-prompt + random thinking style + the task's description."""
    units = tuple(_unit(seed, "re-description", context) for _ in range(count))
    firsts = yield from together([_redescription(unit.mutation_prompt, context) for unit in units])
    prompts = [seed.but(instruction=text) if text else seed for text in firsts]
    if context.profile.task_prompts > 1:
        texts = yield from together([_redescription(unit.mutation_prompt, context) for unit in units])
        prompts = [
            prompt.but(second_instruction=text or SECOND_INSTRUCTION)
            for prompt, text in zip(prompts, texts, strict=True)
        ]
    units = tuple(unit.model_copy(update={"prompt": prompt}) for unit, prompt in zip(units, prompts, strict=True))
    if context.profile.few_shot:
        return (yield from together([_with_context(unit, context) for unit in units]))
    return units


def _redescription(mutation_prompt: str, context: Context) -> Step[str | None]:
    description = context.task.description
    style = context.rng.choice(seeds.thinking_styles())
    demands = demands_of(context, parent=description, request=(mutation_prompt, style))
    return (yield from propose(change(description, mutation_prompt, demands, style), context))


def _with_context(unit: Unit, context: Context) -> Step[Unit]:
    size = context.rng.randint(0, context.profile.context_size)
    workings = yield from correct_workings(unit, context, size, ())
    return unit.model_copy(update={"prompt": unit.prompt.but(demonstrations=workings)}) if workings else unit


def _varied(seed: Prompt, count: int, context: Context) -> Step[Population]:
    """Cross a few texts with demonstrations, layouts and decodings.

    The first three change only the seed's decoding and demonstrations, because that is most of what can be won; from
    then on everything is drawn, the demonstrations and decodings in fixed shares.
    """
    mutation_prompts = [context.rng.choice(seeds.mutation_prompts()) for _ in range(context.profile.redescriptions)]
    texts = yield from together([_redescription(mutation_prompt, context) for mutation_prompt in mutation_prompts])
    instructions = _instructions(seed, distinct([text for text in texts if text]), context)
    decodings = _shares([value for value in _FAVOUR if value in context.task.decodings] or [seed.decoding], count)
    lengths = list_sizes(context.task, context.profile.context_size)
    sizes = _shares([*lengths, *lengths, 0], count)
    context.rng.shuffle(decodings)
    context.rng.shuffle(sizes)
    best = _FAVOUR[0] if _FAVOUR[0] in context.task.decodings else decodings[0] if decodings else seed.decoding
    units: list[Unit] = []
    for index, (decoding, size) in enumerate(zip(decodings, sizes, strict=True)):
        plain_start = index < 3  # noqa: PLR2004  no demonstrations, few and many
        shown = (0, lengths[0], lengths[-1])[index] if plain_start else size
        prompt = seed.but(
            instruction=seed.instruction if plain_start else context.rng.choice(instructions),
            demonstrations=draw(context.task, shown, context.rng) or seed.demonstrations,
            decoding=best if plain_start else decoding,
            format=seed.format if plain_start else _format(seed, context),
        )
        units.append(_unit(prompt, "varied start", context))
    return tuple(units)


def _instructions(seed: Prompt, texts: tuple[str, ...], context: Context) -> list[str]:
    # The seed's own text counts as often as all re-descriptions together: somebody thought about it.
    own = [seed.instruction or context.task.description]
    if context.task.labels:
        own.append(with_labels_last(own[0], context.task))
        texts = (*texts, *(with_labels_last(text, context.task) for text in texts[:1]))
    own = [text for text in own if len(text) <= MAX_PROMPT_CHARACTERS]
    weight = max(1, len(texts) // len(own))
    return [*own * weight, *texts]


def _format(seed: Prompt, context: Context) -> Format:
    return seed.format if context.rng.random() < 0.25 else random_format(context.task, context.rng)  # noqa: PLR2004


def _shares(values: Sequence[T], count: int) -> list[T]:
    return [values[index % len(values)] for index in range(count)]


def _unit(prompt: Prompt, operator: str, context: Context) -> Unit:
    mutation_prompt = context.rng.choice(seeds.mutation_prompts())
    return Unit(prompt=prompt, mutation_prompt=plain(mutation_prompt), operator=operator)
