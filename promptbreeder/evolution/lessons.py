"""Lessons: the first candidates that a run gets from what other skills' runs have found.

Only forms, instructions and ways of decoding are taken over. Demonstrations are drawn anew from the skill's own train
examples, and an instruction that names the other skill's labels, or quotes an example, stays where it is. A lesson is
a candidate like any other: it has to win on the search split and to pass the gate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.operators.layout import features
from promptbreeder.evolution.operators.phrase_edits import without_label_list
from promptbreeder.evolution.patterns import recognised, with_patterns
from promptbreeder.labels import named
from promptbreeder.prompt import Format, Prompt
from promptbreeder.text import normalise

LEAKING_CHARACTERS = 12
"""An example that is shorter, white space collapsed, may stand in a prompt by chance."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One first candidate, and where it comes from."""

    prompt: Prompt
    patterns: tuple[str, ...]
    """Patterns that it has and the production prompt has not."""
    skill: str = ""
    """The skill that it was inherited from; empty for patterns of the library."""
    instruction: bool = False
    """The other skill's instruction came with it."""

    def __str__(self) -> str:
        """Return in a few words what was taken over."""
        parts = (*(["instruction"] if self.instruction else []), *self.patterns)
        told = " + ".join(parts) or "format"
        return f"{told} of '{self.skill}'" if self.skill else told


@dataclass(frozen=True, slots=True)
class Source:
    """Another skill, as far as it may teach."""

    skill: str
    prompt: Prompt
    """Its production prompt."""
    labels: tuple[str, ...]
    private: tuple[str, ...]
    """Its examples' inputs and answers."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of a pattern on other skills."""

    won: int
    """Skills on which the winner had it and beat the prompt in production on the gate split."""
    tried: int
    """Skills on which the winner had it, or it was offered."""
    gain: float | None
    """Median of what these winners gained in gate accuracy."""

    @property
    def is_good(self) -> bool:
        """Tell whether it has won on most skills, and brought something."""
        return 2 * self.won > self.tried and (self.gain or 0.0) > 0

    @property
    def rank(self) -> tuple[float, float]:
        """Return what orders good patterns: the share of skills won, two imaginary ones mixed in, then the gain."""
        return (self.won + 1) / (self.tried + 2), self.gain or 0.0


def by_patterns(seed: Prompt, standings: Mapping[str, Standing], task: Task, rng: Random) -> tuple[Lesson, ...]:
    """Return `seed` with all patterns of a good record together, then with each alone, the best first."""
    good = [name for name, standing in sorted(standings.items()) if standing.is_good]
    good.sort(key=lambda name: standings[name].rank, reverse=True)
    made = [with_patterns(seed, names, task, rng) for names in (good, *([name] for name in good))]
    return tuple(Lesson(prompt, names) for prompt, names in made if names)


def inherited(seed: Prompt, source: Source, task: Task, own_private: Sequence[str], rng: Random) -> tuple[Lesson, ...]:
    """Return `seed` in the other skill's form, and the other's instruction in that form where it may be taken.

    `own_private` are texts that no candidate may hold: the gate examples of the skill that inherits.
    """
    theirs = Task(description="", seeds=(), labels=source.labels, blocks=0, block_size=0)
    forms = recognised(source.prompt, theirs)
    text = without_label_list(source.prompt.instruction, theirs)
    texts = [seed.instruction]
    if text and not named(text, source.labels) and not quotes(text, (*source.private, *own_private)):
        texts.append(text)
    style = _without_strange_names(source.prompt.format, task)
    own = recognised(seed, task)
    lessons: list[Lesson] = []
    for index, instruction in enumerate(texts):
        # Its demonstrations stay, if it has any: they are the skill's own.
        start = seed.but(instruction=instruction, format=style)
        prompt, _ = with_patterns(start, forms, task, rng)
        patterns = tuple(name for name in recognised(prompt, task) if name not in own)
        fits = index == 0 or len(instruction) <= task.max_instruction_characters
        if fits and prompt != seed:
            lessons.append(Lesson(prompt, patterns, source.skill, instruction=index > 0))
    return tuple(lessons)


def distinct(lessons: Sequence[Lesson], known: Sequence[Prompt], most: int) -> tuple[Lesson, ...]:
    """Return the first `most` lessons whose prompt is new, each once; another draw of the same examples is no other."""
    kept: list[Lesson] = []
    for lesson in lessons:
        if lesson.prompt not in (*known, *(other.prompt for other in kept)) and str(lesson) not in map(str, kept):
            kept.append(lesson)
    return tuple(kept[:most])


def quotes(text: str, private: Sequence[str]) -> bool:
    """Tell whether `text` holds one of the `private` texts as it is, short ones aside.

    What is handed in, and what the gate judges, is held to more: see `usecases.quoting`.
    """
    plain = normalise(text)
    return any(len(known) >= LEAKING_CHARACTERS and known in plain for known in map(normalise, private))


def _without_strange_names(style: Format, task: Task) -> Format:
    """Return `style` with those field names only that any skill may use: others were made for the other skill."""
    usual = features(task)
    names = {name: getattr(style, name) for name in ("input_name", "output_name")}
    kept = {name: value if value in usual[name] else "" for name, value in names.items()}
    return style.model_copy(update=kept)
