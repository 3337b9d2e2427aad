"""Labels: which of them a text names."""

import re
from collections.abc import Sequence
from functools import lru_cache

from promptbreeder.text import normalise, scrub


def is_one_letter(label: str) -> bool:
    """Tell whether a label is a single letter that has cases: "a" and "I" are words too, so its own case counts."""
    return len(label) == 1 and label.lower() != label.upper()


def named(text: str, labels: Sequence[str]) -> tuple[str, ...]:
    """Return those of `labels` that stand in `text` as whole words, in the order of `labels`.

    Case and white space do not count, but for the case of a label of one letter: "It is a cat" does not name A.
    """
    folded = not any(map(is_one_letter, labels))
    left = normalise(text) if folded else " ".join(scrub(text).split())
    found = []
    for label, pattern in _patterns(tuple(labels)):
        left, times = pattern.subn(" ", left)
        if times:
            found.append(label)
    return tuple(label for label in labels if label in found)


@lru_cache(maxsize=64)
def _patterns(labels: tuple[str, ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    # Longest first, so that "bug fix" is not read as "bug" too; a label may end in a mark, as "C++" does.
    longest_first = sorted(labels, key=lambda label: -len(normalise(label)))
    return tuple((label, _pattern(label)) for label in longest_first)


def _pattern(label: str) -> re.Pattern[str]:
    known, flags = (label, 0) if is_one_letter(label) else (normalise(label), re.IGNORECASE)
    return re.compile(rf"(?<!\w){re.escape(known)}(?!\w)", flags)
