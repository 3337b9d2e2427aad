"""Patterns: named parts of a prompt that have nothing to do with its skill, so that one skill's winner teaches another.

A pattern can be recognised in any prompt and put on any other. What it puts there is made of the other skill's own
labels and train examples: a form is carried over, never what was said in it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.diagnosis import diagnose
from promptbreeder.evolution.operators.constraints import FREE_CONSTRAINTS, LABEL_CONSTRAINTS, with_sentence
from promptbreeder.evolution.operators.demonstrations import few_shot
from promptbreeder.evolution.operators.phrase_edits import listed_labels, say_twice, with_labels_last
from promptbreeder.evolution.operators.remedies import Case, add_structure
from promptbreeder.evolution.phrases import PLACEHOLDER
from promptbreeder.prompt import MAX_PROMPT_CHARACTERS, Decoding, Prompt

A_LABEL, IN_ALL = (1, 2, 3, 5), (2, 4, 8)
"""Numbers of examples that are told apart: of each label, and in all where there are no labels."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A form that a prompt may have."""

    name: str
    kind: str
    """Of one kind a prompt can have one pattern only."""
    recognise: Callable[[Prompt, Task], bool]
    """Whether a prompt for a task has it."""
    change: Callable[[Prompt, Task, Random], Prompt]
    """See `apply`, which leaves out what does not fit the task."""

    def apply(self, prompt: Prompt, task: Task, rng: Random) -> Prompt:
        """Return `prompt` with the pattern, or as it is where the pattern says nothing to it or has no room."""
        changed = self.change(prompt, task, rng)
        fits = len(changed.instruction) <= min(MAX_PROMPT_CHARACTERS, task.max_instruction_characters)
        same_text = changed.instruction == prompt.instruction
        return changed if (fits or same_text) and changed.decoding in task.decodings else prompt


def recognised(prompt: Prompt, task: Task) -> tuple[str, ...]:
    """Return the names of the patterns that a prompt for `task` has, in the order of the library."""
    return tuple(pattern.name for pattern in PATTERNS.values() if pattern.recognise(prompt, task))


def with_patterns(prompt: Prompt, names: Iterable[str], task: Task, rng: Random) -> tuple[Prompt, tuple[str, ...]]:
    """Return `prompt` with those of the patterns that fit it, the first named of each kind, and the names of these."""
    first: dict[str, str] = {}
    for name in names:
        if name in PATTERNS:
            first.setdefault(PATTERNS[name].kind, name)
    made: list[str] = []
    # In the library's order: what stands last, or is said twice, is settled when all else is there.
    for name, pattern in PATTERNS.items():
        changed = pattern.apply(prompt, task, rng) if first.get(pattern.kind) == name else prompt
        if changed != prompt:
            prompt = changed
            made.append(name)
    return prompt, tuple(made)


def _decoded(decoding: Decoding) -> Pattern:
    return Pattern(
        f"{decoding.value} decoding",
        "decoding",
        lambda prompt, _: prompt.decoding is decoding,
        lambda prompt, _, __: prompt.but(decoding=decoding),
    )


def _examples(number: int, *, a_label: bool) -> Pattern:
    numbers = A_LABEL if a_label else IN_ALL

    def recognise(prompt: Prompt, task: Task) -> bool:
        if prompt.format.demonstrations != "turns" or not prompt.demonstrations or bool(task.labels) is not a_label:
            return False
        shown = len(prompt.demonstrations) / (len(task.labels) or 1)
        return min(numbers, key=lambda known: abs(known - shown)) == number

    def change(prompt: Prompt, task: Task, rng: Random) -> Prompt:
        if bool(task.labels) is not a_label or prompt.demonstrations:
            return prompt
        shots = few_shot(task, number * (len(task.labels) or 1), rng)
        style = prompt.format.model_copy(update={"demonstrations": "turns"})
        return prompt.but(demonstrations=shots, format=style) if shots else prompt

    return Pattern(f"examples as turns, {number} {'a label' if a_label else 'in all'}", "examples", recognise, change)


def _has_labels_last(prompt: Prompt, task: Task) -> bool:
    text = _once(prompt)
    listed = listed_labels(text, task) if task.labels else ()
    return bool(listed) and with_labels_last(text, task, listed) == text


def _labels_last(prompt: Prompt, task: Task, _: Random) -> Prompt:
    if not task.labels or _marked(prompt) or listed_labels(prompt.instruction, task):
        return prompt
    return _saying(prompt, with_labels_last(prompt.instruction, task))


def _is_numbered(prompt: Prompt, _: Task) -> bool:
    lines = [line.lstrip() for line in prompt.instruction.splitlines()]
    return all(any(line.startswith(f"{number}.") for line in lines) for number in (1, 2))


def _numbered(prompt: Prompt, task: Task, rng: Random) -> Prompt:
    if _is_numbered(prompt, task):
        return prompt
    return add_structure(Case(prompt, task, diagnose(task, ())), rng) or prompt


def _repeated(prompt: Prompt, _: Task, __: Random) -> Prompt:
    return prompt if _is_repeated(prompt) else _saying(prompt, say_twice(prompt.instruction.strip()))


def _is_repeated(prompt: Prompt) -> bool:
    return _once(prompt) != prompt.instruction.strip()


def _once(prompt: Prompt) -> str:
    """Return what the instruction says, once where it is said twice."""
    text = prompt.instruction.strip()
    half = text[: (len(text) - 2) // 2]
    return half if half and text == say_twice(half) else text


def _is_bounded(prompt: Prompt, _: Task) -> bool:
    return any(known in prompt.instruction for known in (*LABEL_CONSTRAINTS, *FREE_CONSTRAINTS))


def _bounded(prompt: Prompt, task: Task, _: Random) -> Prompt:
    if _is_bounded(prompt, task):
        return prompt
    sentence = LABEL_CONSTRAINTS[1] if task.labels else FREE_CONSTRAINTS[0]
    return _saying(prompt, with_sentence(prompt.instruction, sentence))


def _placed(prompt: Prompt, _: Task, __: Random) -> Prompt:
    return prompt if _marked(prompt) else prompt.but(format=prompt.format.model_copy(update={"place": "user"}))


def _answer_field(prompt: Prompt, _: Task, __: Random) -> Prompt:
    if _marked(prompt) or prompt.format.output_name:
        return prompt
    return prompt.but(format=prompt.format.model_copy(update={"output_name": "Answer"}))


def _saying(prompt: Prompt, text: str) -> Prompt:
    return prompt.but(instruction=text) if len(text) <= MAX_PROMPT_CHARACTERS else prompt


def _marked(prompt: Prompt) -> bool:
    """Tell whether the prompt is a template, which keeps its own layout."""
    return bool(PLACEHOLDER.search(prompt.instruction))


PATTERNS: dict[str, Pattern] = {
    pattern.name: pattern
    for pattern in (
        *(_examples(number, a_label=True) for number in A_LABEL),
        *(_examples(number, a_label=False) for number in IN_ALL),
        _decoded(Decoding.CALIBRATED),
        _decoded(Decoding.CONSTRAINED),
        Pattern("instruction in the user's turn", "place", lambda prompt, _: prompt.format.place == "user", _placed),
        Pattern("answer asked for by name", "field", lambda prompt, _: bool(prompt.format.output_name), _answer_field),
        Pattern("numbered steps", "steps", _is_numbered, _numbered),
        Pattern("nothing but the answer", "bounds", _is_bounded, _bounded),
        Pattern("label list last", "labels", _has_labels_last, _labels_last),
        Pattern("prompt repeated", "repetition", lambda prompt, _: _is_repeated(prompt), _repeated),
    )
}
"""The library."""
