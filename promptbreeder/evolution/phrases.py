"""A task-prompt as a row of phrases: what edits move about and what differential evolution compares.

Sentences, and within a long sentence its clauses; an item of a list stays whole. `segments` also keeps the white space
between them, so that an edit of one phrase changes nothing else.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

PLACEHOLDER = re.compile(r"\{\{\s*input\s*\}\}")
_LINE_END = re.compile(r"\s*\n\s*")
_LIST_ITEM = re.compile(r"(?:\d{1,2}[.)]|[-*\u2022])\s")
_SENTENCE_END = re.compile(r"(?<=[.!?:;])\s+")
_CLAUSE_END = re.compile(r"(?<=,)\s+|\s+(?=(?:and|or|then|but|so that|because)\b)")
_LONG = 60
"""Sentences longer than this are cut at their clauses."""


class Segment(NamedTuple):
    """A phrase and the white space that follows it."""

    text: str
    gap: str


def segments(text: str) -> tuple[Segment, ...]:
    """Return the phrases of `text` with what stands between them; `whole` gives the stripped text back."""
    found: list[Segment] = []
    for line, newline in _cut(text.strip(), _LINE_END):
        listed = _LIST_ITEM.match(line)
        sentences = [Segment(line, "")] if listed else _cut(line, _SENTENCE_END)
        for sentence, space in sentences:
            clauses = [Segment(sentence, "")] if listed or len(sentence) <= _LONG else _cut(sentence, _CLAUSE_END)
            found += [*clauses[:-1], Segment(clauses[-1].text, space)]
        found[-1] = Segment(found[-1].text, newline)
    return tuple(segment for segment in found if segment.text)


def whole(row: Sequence[Segment]) -> str:
    """Return the text of a row of segments."""
    return "".join(text + (gap or " ") for text, gap in row[:-1]) + (row[-1].text if row else "")


def movable(row: Sequence[Segment]) -> tuple[int, ...]:
    """Return the places of the segments that an edit may touch.

    One that marks the item's place is left alone: twice or not at all, the template would be broken.
    """
    return tuple(place for place, segment in enumerate(row) if not PLACEHOLDER.search(segment.text))


def split(text: str) -> tuple[str, ...]:
    """Return the phrases of `text`, none of them empty."""
    return tuple(segment.text for segment in segments(text))


def join(phrases: tuple[str, ...]) -> str:
    """Return the text of `phrases`."""
    return " ".join(phrases)


def plain(instruction: str) -> str:
    """Return `instruction` as a writer may see it: without the mark for the item, which a rewrite could only garble."""
    return " ".join(PLACEHOLDER.sub("", instruction).split())


def _cut(text: str, end: re.Pattern[str]) -> list[Segment]:
    pieces, start = [], 0
    for match in end.finditer(text):
        pieces.append(Segment(text[start : match.start()], match.group()))
        start = match.end()
    return [*pieces, Segment(text[start:], "")]
