"""Quoting: which examples can be read in a text, in whatever letters and marks.

A short input may stand in an instruction by chance, and a few where a skill has many. A table in which answers can be
looked up holds more, close together, and that is how it is known.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable

from promptbreeder.evolution.lessons import LEAKING_CHARACTERS
from promptbreeder.text import as_seen

SEVERAL, WITHIN = 5, 50
"""So many different short inputs within so many words are no chance."""
_WORD = re.compile(r"[^\W_]+")


def quoted(text: str, inputs: Iterable[str]) -> frozenset[str]:
    """Return those of the inputs that `text` holds: long ones, and short ones of which several stand together."""
    plain = as_seen(text)
    bare = _bare(plain)
    found: set[str] = set()
    short: dict[str, tuple[str, ...]] = {}
    for known in inputs:
        form = as_seen(known)
        words = _bare(form)
        is_long = len(words) >= LEAKING_CHARACTERS
        if words in bare if is_long else len(form) >= LEAKING_CHARACTERS and form in plain:
            found.add(known)
        elif len(words or form) < LEAKING_CHARACTERS:
            # An input without a word, as ":)", is found where it stands between white space.
            short[known] = tuple((words or form).split())
    wanted = frozenset(filter(None, short.values()))
    together = _together(bare.split(), wanted) | _together(plain.split(), wanted)
    return frozenset(found) | {known for known, words in short.items() if words in together}


def _bare(text: str) -> str:
    """Return the words alone: what a copy keeps when marks are dropped or changed."""
    return " ".join(_WORD.findall(text))


def _together(words: list[str], wanted: frozenset[tuple[str, ...]]) -> frozenset[tuple[str, ...]]:
    """Return what is wanted and stands where `SEVERAL` different ones begin `WITHIN` so many words."""
    lengths = sorted({len(known) for known in wanted})
    places = [
        (start, known)
        for start in range(len(words))
        for length in lengths
        if (known := tuple(words[start : start + length])) in wanted
    ]
    found = frozenset[tuple[str, ...]]()
    for index, (start, _) in enumerate(places):
        near = {known for _, known in places[index : bisect_left(places, (start + WITHIN, ()))]}
        if len(near) >= SEVERAL:
            found |= near
    return found
