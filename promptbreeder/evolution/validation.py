"""Why a cleaned text from the writer cannot become a task-prompt or a mutation-prompt.

Small writers answer the instruction instead of rewriting it, repeat the request, praise it, apologise, or loop. Each of
these has a name here, because counts of them tell a user whether the writer is worth asking.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.similarity import NEAR, is_near, similarity
from promptbreeder.labels import is_one_letter, named
from promptbreeder.skill import Example
from promptbreeder.text import CONTROL_TOKENS, normalise


class Rejection(StrEnum):
    """Reasons, as they appear in progress reports."""

    CONTROL_TOKENS = "control tokens"
    EMPTY = "empty"
    CHAT = "chat"
    OVER_LONG = "over-long"
    REPETITIVE = "repetitive"
    ANSWER = "answer"
    SOME_LABELS = "names only some labels"
    DRIFT = "off the task"
    EXAMPLE = "copies an example"
    ECHO = "echoes the request"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What a new text must be and must not be."""

    max_words: int
    on_topic: bool = False
    """It must share a word with the task: a tiny writer drifts off further than any fitness needs to be asked about."""
    about_texts: bool = False
    """The text is a mutation-prompt: it may speak of instructions and of rewriting."""
    parent: str = ""
    """The text it is meant to differ from."""
    rivals: tuple[str, ...] = ()
    """Texts it must not be a near-duplicate of."""
    request: tuple[str, ...] = ()
    """Texts of the request that must not leak into it."""


_Check = Callable[[], bool]
_CHAT_START = re.compile(
    r"(?:sure|certainly|of course|sorry|i['\u2019]?m|i am|i can(?:no|['\u2019])?t|i would|i['\u2019]d|i have|i think|"
    r"i understand|i will|as an? (?:ai|language)|thank|great|hello|hi|dear|yes|no|okay|let me|"
    r"this (?:instruction|prompt|text|is)|"
    r"the (?:instruction|prompt))\b",
    re.IGNORECASE,
)
_CHAT_ANYWHERE = re.compile(r"\b(?:as an ai|language model|happy to help|feel free|let me know)\b", re.IGNORECASE)
_COUNTER_QUESTION = re.compile(r"\b(?:you|your|me|my|i)\b[^?]*\?$", re.IGNORECASE)
_ABOUT_TEXTS = re.compile(
    r"\b(?:mutat|mutant|rephras|rewrit|rewrot|reword|paraphras|instruction|prompt|hint|thinking style)[a-z]*",
    re.IGNORECASE,
)
_ANSWER_START = re.compile(r"(?:the )?(?:answer|output|label|category|result|response)s?(?: is)?:", re.IGNORECASE)
_FILLERS = ("a", "an", "the", "it", "is", "this", "answer", "label", "category", "output", "result", "and", "or")
_COMMON_STEMS = ("with", "that", "this", "from", "into", "whic", "what", "your", "thei", "them", "then", "have", "ther")
_STEM = 4
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_ECHO_WORDS = 4
_COPY_WORDS = 6
_LOOP_WORDS = 12
_LONG_ANSWER = 16


def objection(raw: str, text: str, task: Task, demands: Demands) -> Rejection | None:
    """Return the first reason to refuse `text`, which was cleaned from `raw`, or None."""
    words = tuple(_WORD.findall(normalise(text)))
    checks: tuple[tuple[Rejection, _Check], ...] = (
        (Rejection.CONTROL_TOKENS, lambda: CONTROL_TOKENS.search(raw) is not None),
        (Rejection.EMPTY, lambda: not any(character.isalpha() for character in text)),
        (Rejection.CHAT, lambda: _is_chat(text, demands)),
        (Rejection.OVER_LONG, lambda: len(words) > demands.max_words or len(text) > task.max_instruction_characters),
        (Rejection.REPETITIVE, lambda: len(words) >= _LOOP_WORDS and 2 * len(dict.fromkeys(words)) < len(words)),
        (Rejection.ANSWER, lambda: _is_answer(text, words, task)),
        (Rejection.SOME_LABELS, lambda: not demands.about_texts and _names_some_labels(text, task, demands)),
        (Rejection.DRIFT, lambda: demands.on_topic and _drifts(words, task, demands)),
        (Rejection.EXAMPLE, lambda: _copies_example(text, words, task)),
        (Rejection.ECHO, lambda: _echoes(text, words, task, demands)),
        (Rejection.UNCHANGED, lambda: _is_parent(text, demands.parent)),
        (Rejection.DUPLICATE, lambda: is_near(text, demands.rivals)),
    )
    return next((reason for reason, applies in checks if applies()), None)


def _is_parent(text: str, parent: str) -> bool:
    # A verb that the draft was opened with makes no new text either.
    return bool(parent) and max(similarity(text, parent), similarity(text.partition(" ")[2], parent)) >= NEAR


def _is_chat(text: str, demands: Demands) -> bool:
    if _CHAT_START.match(text) or _CHAT_ANYWHERE.search(text):
        return True
    return not demands.parent.endswith("?") and _COUNTER_QUESTION.search(text) is not None


def _is_answer(text: str, words: tuple[str, ...], task: Task) -> bool:
    bare = " ".join(words)
    answers = [normalise(label) for label in task.labels]
    answers += [normalise(example.expected) for example in task.train if example.expected]
    if _ANSWER_START.match(text) or any(bare == " ".join(_WORD.findall(answer)) for answer in answers):
        return True
    if not task.labels:
        return any(len(answer) >= _LONG_ANSWER and answer in normalise(text) for answer in answers)
    if any(_is_given_as_answer(label, text) for label in task.labels):
        return True
    of_labels = {word for label in task.labels for word in _WORD.findall(normalise(label))}
    return sum(word not in of_labels and word not in _FILLERS for word in words) <= 1


def _is_given_as_answer(label: str, text: str) -> bool:
    flags = 0 if is_one_letter(label) else re.IGNORECASE
    return re.match(rf"{re.escape(label)}\s*[:.-]", text, flags) is not None


def _names_some_labels(text: str, task: Task, demands: Demands) -> bool:
    """Tell whether the text favours labels by naming them and not the others, which feeds label bias."""
    found = named(text, task.labels)
    return 0 < len(found) < len(task.labels) and found != named(demands.parent, task.labels)


def _drifts(words: tuple[str, ...], task: Task, demands: Demands) -> bool:
    known = _stems(tuple(_WORD.findall(normalise(" ".join((task.description, demands.parent, *task.labels))))))
    return bool(known) and not any(stem in known for stem in _stems(words))


def _stems(words: tuple[str, ...]) -> tuple[str, ...]:
    stems = (word[:_STEM] for word in words if len(word) >= _STEM)
    return tuple(stem for stem in stems if stem not in _COMMON_STEMS)


def _copies_example(text: str, words: tuple[str, ...], task: Task) -> bool:
    allowed, known = _shingles(task.description, _COPY_WORDS), _known(task.train)
    own = [" ".join(shingle) for shingle in _runs(words, _COPY_WORDS) if shingle not in allowed]
    bare = normalise(text)
    return not known.shingles.isdisjoint(own) or any(short in bare for short in known.short)


class _Known(NamedTuple):
    """What must not be copied from a task's train examples."""

    shingles: frozenset[str]
    """Joined, since there may be a million of them."""
    short: tuple[str, ...]
    """Inputs with fewer words than a shingle, normalised."""


@lru_cache(maxsize=4)
def _known(train: tuple[Example, ...]) -> _Known:
    # Built once for all drafts of a run: each draft would otherwise read all examples again.
    shingles: set[str] = set()
    short: list[str] = []
    for source in dict.fromkeys(normalise(example.input) for example in train):
        words = tuple(_WORD.findall(source))
        shingles.update(map(" ".join, _runs(words, _COPY_WORDS)))
        if _ECHO_WORDS <= len(words) < _COPY_WORDS:
            short.append(source)
    return _Known(frozenset(shingles), tuple(short))


def _echoes(text: str, words: tuple[str, ...], task: Task, demands: Demands) -> bool:
    """Meta-prompts' words must stay out of task-prompts: peers' winners are full of them."""
    shared = demands.parent if demands.about_texts else f"{task.description}\n{demands.parent}"
    allowed = [_shingles(shared, _ECHO_WORDS), *(_shingles(rival, _ECHO_WORDS) for rival in demands.rivals)]
    own = [shingle for shingle in _runs(words, _ECHO_WORDS) if not any(shingle in known for known in allowed)]
    if any(shingle in _shingles(part, _ECHO_WORDS) for part in demands.request for shingle in own):
        return True
    known_words = normalise(shared)
    return not demands.about_texts and any(found.casefold() not in known_words for found in _ABOUT_TEXTS.findall(text))


@lru_cache(maxsize=4096)
def _shingles(text: str, length: int) -> frozenset[tuple[str, ...]]:
    # Asked for membership only, never iterated: its order differs from process to process.
    return frozenset(_runs(tuple(_WORD.findall(normalise(text))), length))


def _runs(words: tuple[str, ...], length: int) -> list[tuple[str, ...]]:
    return [words[start : start + length] for start in range(len(words) - length + 1)]
