"""A task-prompt as a row of phrases: what edits move about and what differential evolution compares.

Sentences, and within a long sentence its clauses. Joining gives the text back up to white space.
"""

import re

PLACEHOLDER = re.compile(r"\{\{\s*input\s*\}\}")
_SENTENCE_END = re.compile(r"(?<=[.!?:;])\s+|\n+")
_CLAUSE_END = re.compile(r"(?<=,)\s+|\s+(?=(?:and|or|then|but|so that|because)\b)")
_LONG = 60
"""Sentences longer than this are cut at their clauses."""


def split(text: str) -> tuple[str, ...]:
    """Return the phrases of `text`, none of them empty."""
    phrases: list[str] = []
    for sentence in _SENTENCE_END.split(text):
        clauses = _CLAUSE_END.split(sentence) if len(sentence) > _LONG else [sentence]
        phrases += [clause.strip() for clause in clauses if clause.strip()]
    return tuple(phrases)


def join(phrases: tuple[str, ...]) -> str:
    """Return the text of `phrases`."""
    return " ".join(phrases)


def plain(instruction: str) -> str:
    """Return `instruction` as a writer may see it: without the mark for the item, which a rewrite could only garble."""
    return " ".join(PLACEHOLDER.sub("", instruction).split())
