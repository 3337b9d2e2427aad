"""Task files: JSON lines of `{"input", "expected"}`, cut into train, development and test lines by their place."""

import json
from dataclasses import dataclass
from pathlib import Path

from in_memory import ACCURACY_ONLY  # beside this file

from promptbreeder.prompt import Prompt
from promptbreeder.skill import Example, Skill, Split

TRAIN, DEVELOPMENT, TEST = 60, 100, 300
"""Lines, in this order."""
_MAX_LABELS = 12
"""With more different answers than this, the answer is taken for free text."""


@dataclass(frozen=True, slots=True)
class Task:
    """One file."""

    name: str
    skill: Skill
    seed_prompt: Prompt
    hand_written: tuple[Prompt, ...]
    """The prompts beside the file, the seed prompt first; empty where there is no such file."""
    train: tuple[Example, ...]
    development: tuple[Example, ...]
    test: tuple[Example, ...]

    @property
    def answers(self) -> list[str | None]:
        """Right answers that a method may know."""
        return [example.expected for example in (*self.train, *self.development)]


def read_task(path: Path) -> Task:
    """Return the task in `path`; what stands one a line in `<name>.prompts.txt` beside it are hand-written prompts.

    Without such a file the seed prompt is the name of the task in words.
    """
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if len(lines) <= TRAIN + DEVELOPMENT:
        message = f"{path} has {len(lines)} lines; more than {TRAIN + DEVELOPMENT} are needed"
        raise SystemExit(message)
    every = [Example(input=line["input"], expected=line["expected"]) for line in lines]
    cuts = (TRAIN, TRAIN + DEVELOPMENT, TRAIN + DEVELOPMENT + TEST)
    answers = sorted({example.expected or "" for example in every})
    labels = tuple(answers) if len(answers) <= _MAX_LABELS else ()
    beside = path.with_name(f"{path.stem}.prompts.txt")
    texts = beside.read_text(encoding="utf-8").splitlines() if beside.exists() else []
    hand_written = tuple(Prompt(instruction=text.strip()) for text in texts if text.strip())
    seed_prompt = (
        hand_written[0] if hand_written else Prompt(instruction=f"{path.stem.replace('_', ' ').capitalize()}.")
    )
    skill = Skill(
        name=path.stem.replace("_", "-").lower(),
        description=seed_prompt.instruction,
        labels=labels,
        metric="label" if labels else "exact",
        settings=ACCURACY_ONLY,
        model="",
        salt="",
    )
    return Task(
        name=path.stem,
        skill=skill,
        seed_prompt=seed_prompt,
        hand_written=hand_written,
        train=_placed(every[: cuts[0]], Split.TRAIN),
        development=_placed(every[cuts[0] : cuts[1]], Split.SEARCH),
        test=_placed(every[cuts[1] : cuts[2]], Split.GATE),
    )


def _placed(examples: list[Example], split: Split) -> tuple[Example, ...]:
    return tuple(example.model_copy(update={"split": split}) for example in examples)
