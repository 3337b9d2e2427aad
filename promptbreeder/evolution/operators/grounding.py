"""Instruction proposals grounded in the data, the task, the current prompt and a tip (arXiv 2406.11695, section 3).

What the writer does not give is made without a model, from facts of the train examples and of what was answered.
"""

from collections.abc import Sequence

from promptbreeder.evolution.asking import Step
from promptbreeder.evolution.asks import Task, Trial
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.diagnosis import diagnose
from promptbreeder.evolution.facts import forms, usual_range, usual_words
from promptbreeder.evolution.lockstep import together
from promptbreeder.evolution.operators.bootstrap import Shots
from promptbreeder.evolution.operators.neighbours import wordings
from promptbreeder.evolution.operators.phrase_edits import with_labels_last
from promptbreeder.evolution.operators.remedies import REMEDIES, Case
from promptbreeder.evolution.operators.task_prompts import demands_of
from promptbreeder.evolution.phrases import plain
from promptbreeder.evolution.similarity import distinct
from promptbreeder.evolution.validation import Demands
from promptbreeder.evolution.writer import Recipe, propose
from promptbreeder.prompt import Prompt

TIPS = (
    "Keep it short and clear.",
    "Say what to look for before deciding.",
    "Say whose work this is, as to an expert.",
    "Say that a mistake would be costly.",
    "Be creative and leave the beaten track.",
    "Describe in detail what is asked.",
)
"""One a proposal, so that proposals differ in kind."""
_EXAMPLES = "Worked examples:"
_TYPICAL = "What is typical of these examples?"
_TOY = (
    "Task: Name the care that a house plant needs.",
    "Data: Inputs have 4 to 9 words. The answer is a few words long.",
)
_TOY_EXAMPLES = (_EXAMPLES, "Thick, waxy leaves, from the desert. => little water")
_TOY_WISH = ("Current instruction: Is this plant for sun or shade?", f"Tip: {TIPS[1]}")
_TOY_REPLY = "Look at the leaves and the place that the plant comes from, then name how much water it wants."
_SHOWN = 300
"""Characters of an example's input in a request."""
_SUMMARY_WORDS = 60
_SUMMARISED = 10
"""Examples from which the writer says what is typical."""


def summary_of(task: Task) -> str:
    """Return what the train examples have in common, without any model; empty where there is nothing to say.

    No words of the examples: a small writer goes on with them. `derived` puts those to use.
    """
    low, high = usual_range([len(example.input.split()) for example in task.train])
    sentences = [f"Inputs have {low} to {high} words."] if high else []
    if task.labels:
        sentences.append(f"The answer is one of: {', '.join(task.labels)}.")
    else:
        least, most = usual_words(task)
        sentences += [f"Answers have {least} to {most} words."] if most else []
        sentences += forms(task)
    return " ".join(sentences)


def written_summary(context: Context) -> Step[str]:
    """Return what the writer says of some train examples, and failing that, the summary without a model."""
    task = context.task
    if task.expects_patterns:
        return summary_of(task)
    some = context.rng.sample(task.train, min(_SUMMARISED, len(task.train)))
    lines = [_line(example.input, example.expected or "") for example in some]
    recipe = Recipe(
        request="\n".join((f"Task: {task.description}", *lines, _TYPICAL)),
        opening="These examples",
        demands=Demands(max_words=_SUMMARY_WORDS, about_texts=True, parent=task.description, request=(_TYPICAL,)),
        verbs=False,
    )
    text = yield from propose(recipe, context)
    return f"These examples {text}" if text else summary_of(task)


def proposed(prompt: Prompt, summary: str, shots: Shots, context: Context, wanted: int) -> Step[tuple[str, ...]]:
    """Return up to `wanted` instructions that the writer proposes in place of the one of `prompt`."""
    current = plain(prompt.instruction) or context.task.description
    first = f"Task: {context.task.description}"
    head = [first, *([f"Data: {summary}"] if summary else [])]
    if shots:
        head += [_EXAMPLES, *(_line(shot.input, shot.output) for shot in shots)]
    toy = "\n".join((*_TOY, *(_TOY_EXAMPLES if shots else ()), *_TOY_WISH))
    recipes = [
        Recipe(
            pairs=((toy, _TOY_REPLY),),
            request="\n".join((*head, f"Current instruction: {current}", f"Tip: {TIPS[number % len(TIPS)]}")),
            opening="New instruction:",
            # The first line is all that is left of a reply that repeats the request.
            demands=demands_of(context, parent=current, request=(first, _EXAMPLES, *TIPS, toy, _TOY_REPLY)),
        )
        for number in range(wanted)
    ]
    texts = yield from together([propose(recipe, context) for recipe in recipes])
    return distinct([text for text in texts if text])


def derived(prompt: Prompt, trials: Sequence[Trial], context: Context) -> tuple[str, ...]:
    """Return instructions made of that of `prompt` without a model, those that say something of the data first."""
    task, rng = context.task, context.rng
    case = Case(prompt, task, diagnose(task, trials))
    changed = [remedy.change(case, rng) for remedy in REMEDIES.values()]
    texts = [made.instruction for made in changed if made is not None]
    if task.labels:
        texts.append(with_labels_last(prompt.instruction or task.description, task))
    texts += [variant.prompt.instruction for variant in wordings(prompt, task, rng, 0)]
    fits = [text for text in texts if task.has_room_for(text, prompt.instruction) and text != prompt.instruction]
    return distinct(fits)


def _line(text: str, answer: str) -> str:
    return f"{' '.join(text.split())[:_SHOWN]} => {' '.join(answer.split())[:_SHOWN]}"
