"""What the train examples say about a task without any model: answer lengths and forms, words that tell of a label."""

import re
from collections import Counter
from collections.abc import Sequence

from promptbreeder.evolution.asks import Task
from promptbreeder.text import normalise

_WORD = re.compile(r"[^\W\d_]{3,}")
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")
_TELLING = 0.15
"""A word tells of a label if it stands in this share more of the label's examples than of the others."""
_TWICE = 2
"""What was seen once is chance."""


def answers(task: Task) -> tuple[str, ...]:
    """Return the expected answers of the train examples, without empty ones; none where patterns are expected."""
    if task.expects_patterns:
        return ()
    return tuple(example.expected for example in task.train if example.expected)


def usual_range(lengths: Sequence[int]) -> tuple[int, int]:
    """Return the least and greatest of `lengths` after leaving out a tenth on either side; (0, 0) for none."""
    if not lengths:
        return 0, 0
    ordered = sorted(lengths)
    tenth = len(ordered) // 10
    return ordered[tenth], ordered[-1 - tenth]


def usual_words(task: Task) -> tuple[int, int]:
    """Return how many words the expected answers have, from the short ones to the long ones."""
    return usual_range([len(answer.split()) for answer in answers(task)])


def usual_characters(task: Task) -> tuple[int, int]:
    """Return how many characters the expected answers have, from the short ones to the long ones."""
    return usual_range([len(answer) for answer in answers(task)])


def forms(task: Task) -> tuple[str, ...]:
    """Return sentences that are true of every expected answer's form; none for a single example, or without any."""
    expected = answers(task)
    if len(expected) < _TWICE:
        return ()
    if all(_NUMBER.fullmatch(answer.strip()) for answer in expected):
        return ("The answer is a number in digits.",)
    if all(answer.strip().startswith("{") for answer in expected):
        return ("The answer is a JSON object.",)
    checks = (
        ("The answer is in lower case.", all(answer == answer.lower() != answer.upper() for answer in expected)),
        ("The answer is in capitals.", all(answer == answer.upper() != answer.lower() for answer in expected)),
        ("The answer has no spaces.", all(" " not in a.strip() for a in expected) and any("-" in a for a in expected)),
        ("The words of the answer are joined by hyphens.", _mostly("-", expected)),
        ("The words of the answer are joined by underscores.", _mostly("_", expected)),
        ("The answer is a list with commas.", _mostly(",", expected)),
    )
    return tuple(sentence for sentence, holds in checks if holds)


def telling_words(task: Task, most: int) -> dict[str, tuple[str, ...]]:
    """Return for each label up to `most` words that stand in its train inputs more often than in the other labels'."""
    inputs = {
        label: [
            frozenset(_WORD.findall(normalise(example.input)))
            for example in task.train
            if normalise(example.expected or "") == normalise(label)
        ]
        for label in task.labels
    }
    counts = {label: Counter(word for words in texts for word in sorted(words)) for label, texts in inputs.items()}
    found: dict[str, tuple[str, ...]] = {}
    for label, own in counts.items():
        others = sum((counts[other] for other in task.labels if other != label), Counter[str]())
        rest = sum(len(texts) for other, texts in inputs.items() if other != label)
        lead = {
            word: count / len(inputs[label]) - others[word] / max(1, rest)
            for word, count in own.items()
            if count >= _TWICE
        }
        best = sorted((-value, word) for word, value in lead.items() if value >= _TELLING)
        found[label] = tuple(word for _, word in best[:most])
    return found


def _mostly(mark: str, expected: Sequence[str]) -> bool:
    # An answer of one word has nothing to join.
    return sum(mark in answer for answer in expected) * 2 > len(expected) and (
        mark == "," or all(" " not in answer.strip() for answer in expected)
    )
