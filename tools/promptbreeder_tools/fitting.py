"""Fitting a result to what an assistant's context can hold: what matters least goes first, and is said to be gone.

First the scores of the least likely labels, then the middle of long lists and the ends of long texts. What somebody may
take from here as it is, the exact text of a prompt and a model's answer, is cut only where it fills a result alone; and
the names of entries never are: a label that is cut names nothing.
"""

import json
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel

Result = TypeVar("Result", bound=BaseModel)

MAX_RESULT_BYTES = 7_900
"""Just below 2,000 tokens at four bytes each: as text, and as data."""
_LENGTHS = (6_000, 4_000, 3_000, 2_000, 1_400, 1_000, 700, 450, 300, 200, 120, 80, 50, 30)
_ENTRIES = (128, 96, 64, 48, 32, 24, 16, 12, 8)
_TAKEN_AS_IT_IS = frozenset({"text", "second_instruction", "answer"})


def fitted(result: Result) -> Result:
    """Return `result` so much shortened, and marked where it was, that an assistant's context can hold it."""
    shown = result
    for shorter in _shortened(result.model_dump(mode="json")):
        if _fits(shown):
            break
        shown = type(result).model_validate(shorter)
    return shown


def _fits(result: BaseModel) -> bool:
    data = json.dumps(result.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
    return max(len(text.encode(errors="replace")) for text in (data, str(result))) <= MAX_RESULT_BYTES


def _shortened(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the data of a result shorter and shorter."""
    least = data
    for least in _with_fewer_labels(data):
        yield least
    longest = _longest_list(data)
    for whole in (_TAKEN_AS_IT_IS, frozenset[str]()):
        for length in _LENGTHS:
            # Whole turns are worth more than the beginnings of all of them.
            for entries in (longest, *(count for count in _ENTRIES if count < longest)):
                yield {name: value if name in whole else _cut(value, length, entries) for name, value in least.items()}


def _with_fewer_labels(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the data of an answer with the score of one label less each time, the least likely first."""
    scores = data.get("label_logprobs") or {}
    # Calibrated, the answer need not be the likeliest; its score is wanted most.
    ranked = sorted(scores, key=lambda label: (label == data.get("answer"), scores[label]), reverse=True)
    for count in range(len(ranked) - 1, 0, -1):
        kept = frozenset(ranked[:count])
        yield {
            **data,
            "label_logprobs": {label: score for label, score in scores.items() if label in kept},
            "labels_left_out": len(ranked) - count,
        }


def _longest_list(value: object) -> int:
    """Return the number of entries of the longest list, however deep."""
    if isinstance(value, dict):
        return max(map(_longest_list, value.values()), default=0)
    if isinstance(value, list):
        return max(len(value), *map(_longest_list, value), 0)
    return 0


def _cut(value: object, length: int, entries: int) -> object:
    if isinstance(value, dict):
        return {name: _cut(entry, length, entries) for name, entry in value.items()}
    if isinstance(value, list):
        return [_cut(entry, length, entries) for entry in _without_middle(value, entries)]
    if isinstance(value, str) and len(value) > length:
        return f"{value[:length]} [... {len(value) - length:,} characters more, see the resources]"
    return value


def _without_middle(entries: list[Any], most: int) -> list[Any]:
    """Return a list of texts or chat turns with a note in the place of its middle; others stay as they are."""
    if len(entries) <= most:
        return entries
    head, tail = entries[: most // 2], entries[-(most - most // 2) :]
    if all(isinstance(entry, str) for entry in entries):
        return [*head, f"[... {len(entries) - most:,} left out, see the resources]", *tail]
    if not all(isinstance(entry, dict) and "role" in entry for entry in entries):
        return entries
    # Not between an input and its answer.
    while head and head[-1]["role"] == "user":
        head.pop()
    while tail and tail[0]["role"] == "assistant":
        tail.pop(0)
    left_out = len(entries) - len(head) - len(tail)
    # No role that a model knows: it must not be taken for a turn of the prompt.
    return [*head, {"role": "note", "content": f"[... {left_out:,} turns left out, see the resources]"}, *tail]
