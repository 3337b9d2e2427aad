"""Metrics: is this reply right? Each is a small function from (reply, expected) to a `Verdict`.

Graded metrics (list, json, f1) give a score between 0 and 1; the others 0 or 1. `parsed` is false where no answer of
the expected form was found, which counts as wrong and is reported apart: a format problem has another cure than a
wrong answer. This file does not call models; constrained answers come in as plain text, like any other.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from promptbreeder.errors import InvalidInput
from promptbreeder.evaluation.matching import NoPattern, OutOfTime, search
from promptbreeder.labels import named
from promptbreeder.skill import Skill
from promptbreeder.text import normalise, scrub

METRICS_VERSION = 3
"""Bumped when any metric changes its verdicts: part of what a run freezes."""
_LONGEST_REPLY = 4_000
_NUMBER = re.compile(r"(?:(?<!\w)[-+])?(?:\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?|\.\d+)")
"""A hyphen after a letter or a digit is no sign: of 10-12 the last number is 12."""
_BULLET = re.compile(r"^\s*(?:[-*•](?!\d)|\d+[.)](?!\d))\s*")
"""What a list item may begin with; the minus sign and the decimal point of a number are part of the item."""
_NUMBERED_LINE = re.compile(r"^[ \t]*\d+[.)][ \t]*$", re.MULTILINE)
"""Of several lines: one that numbers the next, or an item that was never written."""
_PROBES = tuple(body + end for body in ("a" * 40, "0" * 40, "aB 1, " * 7) for end in ("!", "\n\n\n"))
"""What a pattern that backtracks without end shows itself on: much that it may repeat, then what it does not hold."""
_WRAPPERS = "\"'`“”‘’*"


class Verdict(NamedTuple):
    """`score` 0-1; `parsed`: an answer of the expected form was found; `answer`: what was taken as the answer."""

    score: float
    parsed: bool
    answer: str


Metric = Callable[[str, str], Verdict]


def metric_of(skill: Skill) -> Metric:
    """Return the skill's metric.

    Raises:
        InvalidInput: for `preference`, which has no right answers to compare with.
    """
    if skill.metric == "label":
        return label_metric(skill.labels)
    if skill.metric == "number":
        return number_metric(tolerance=skill.settings.number_tolerance)
    if skill.metric == "preference":
        raise InvalidInput(
            f"'{skill.name}' is judged by votes alone (metric 'preference'): nothing can be measured against expected "
            "answers. Compare versions with compare_prompts and record_vote, or set another metric."
        )
    return _SIMPLE[skill.metric]


def objection_to(skill: Skill, expected: str) -> str | None:
    """Return why `expected` cannot be the right answer under the skill's metric, or None; asked before it is stored."""
    if skill.metric == "label" and normalise(expected) not in {normalise(label) for label in skill.labels}:
        return f"it is not among the labels {', '.join(skill.labels)}"
    if skill.metric == "regex":
        return _objection_to_pattern(expected)
    if skill.metric == "json" and _object(expected) is None:
        return "it is not a JSON object"
    if skill.metric == "number" and not _NUMBER.search(expected):
        return "it holds no number"
    return None


@lru_cache(maxsize=10_000)
def _objection_to_pattern(expected: str) -> str | None:
    """Remembered: what was probed before a write must not be probed again within it."""
    try:
        search(expected, _PROBES)
    except NoPattern as error:
        return f"it is not a regular expression: {error}"
    except OutOfTime:
        return r"searching 40 characters for it takes more than a second: it repeats what repeats, as (\w+)+ does"
    return None


def label_metric(labels: tuple[str, ...]) -> Metric:
    """Return the metric for closed label sets.

    A reply names a label when it is one, or when its first line, and failing that the whole reply, contains exactly
    one of them as whole words: "Billing." and "The queue is billing" both count, "billing or sales" does not. Of labels
    of one letter, "B. It is a cat" names B only.
    """
    canonical = {normalise(label): label for label in labels}

    def judge(reply: str, expected: str) -> Verdict:
        text = " ".join(scrub(reply[:_LONGEST_REPLY]).split())
        whole = text.strip(_WRAPPERS + " .:!")
        # As it stands first: a mark at its end may be part of a label.
        answer = canonical.get(normalise(text)) or canonical.get(normalise(whole))
        if answer is None:
            first_line = reply[:_LONGEST_REPLY].strip().partition("\n")[0]
            for part in (first_line, whole):
                found = named(part, labels)
                if len(found) == 1:
                    answer = found[0]
                    break
                if found:
                    break
        if answer is None:
            return Verdict(0.0, parsed=False, answer="")
        return Verdict(float(normalise(answer) == normalise(expected)), parsed=True, answer=answer)

    return judge


def number_metric(*, tolerance: float) -> Metric:
    """Return the metric that compares the last number of the reply (where a model puts its result) with `expected`."""

    def judge(reply: str, expected: str) -> Verdict:
        numbers = _NUMBER.findall(reply[:_LONGEST_REPLY])
        wanted = _NUMBER.findall(expected)
        if not numbers or not wanted:
            return Verdict(0.0, parsed=bool(numbers), answer="")
        given = numbers[-1].replace(",", "")
        right = abs(float(given) - float(wanted[-1].replace(",", ""))) <= tolerance
        return Verdict(float(right), parsed=True, answer=given)

    return judge


def _exact(reply: str, expected: str) -> Verdict:
    # Case counts: for a file name it is part of the answer. White space does not, and neither do quotes around the
    # answer, unless they belong to it: `*.py` is not `.py`.
    wanted = " ".join(expected.split())
    layers = list(_unwrapped(" ".join(reply.split())))
    answer = wanted if wanted in layers else layers[-1]
    return Verdict(float(answer == wanted), parsed=bool(answer), answer=answer)


def _unwrapped(text: str) -> Iterator[str]:
    """Yield `text`, then `text` with one pair of wrapping marks less at a time, then with all such marks stripped."""
    yield text
    bare = text.strip(_WRAPPERS).strip()
    while len(text) > len(bare) and len(text) > 1 and text[0] in _WRAPPERS and text[-1] in _WRAPPERS:
        text = text[1:-1].strip()
        yield text
    yield bare


def _contains(reply: str, expected: str) -> Verdict:
    answer = reply.strip()
    return Verdict(float(normalise(expected) in normalise(reply)), parsed=bool(answer), answer=answer)


def _regex(reply: str, expected: str) -> Verdict:
    """Tell whether the pattern is found in the first 4,000 characters; where that takes too long it is not."""
    answer = reply.strip()[:_LONGEST_REPLY]
    try:
        (found,) = search(expected, [answer])
    except NoPattern as error:
        raise InvalidInput(
            f"expected {expected!r} is not a regular expression: {error}; correct the example"
        ) from error
    except OutOfTime:
        return Verdict(0.0, parsed=False, answer=answer)
    return Verdict(float(found), parsed=bool(answer), answer=answer)


def _list(reply: str, expected: str) -> Verdict:
    given, wanted = _items(reply), _items(expected)
    answer = ", ".join(given)
    if not given or not wanted:
        return Verdict(float(given == wanted), parsed=bool(given), answer=answer)
    shared = len([item for item in dict.fromkeys(given) if item in wanted])
    return Verdict(_f1(shared, len(dict.fromkeys(given)), len(dict.fromkeys(wanted))), parsed=True, answer=answer)


def _json(reply: str, expected: str) -> Verdict:
    wanted = _object(expected)
    given = _object(reply[:_LONGEST_REPLY])
    if wanted is None:
        raise InvalidInput(f"expected {expected[:80]!r} is not a JSON object; correct the example or the metric")
    if given is None:
        return Verdict(0.0, parsed=False, answer="")
    right = sum(field in given and _same(given[field], value) for field, value in wanted.items())
    # A field that was not asked for costs as much as one that is missing.
    fields = len(dict.fromkeys([*wanted, *given]))
    # A reply was scrubbed as the model wrote it; what it wrote as an escape is a character only now.
    answer = scrub(json.dumps(given, ensure_ascii=False))
    return Verdict(right / fields if fields else 1.0, parsed=True, answer=answer)


def _token_f1(reply: str, expected: str) -> Verdict:
    given, wanted = (Counter(re.findall(r"\w+", normalise(text[:_LONGEST_REPLY]))) for text in (reply, expected))
    shared = sum((given & wanted).values())
    return Verdict(_f1(shared, given.total(), wanted.total()), parsed=bool(given), answer=reply.strip())


def _items(text: str) -> list[str]:
    text = text[:_LONGEST_REPLY].strip()
    if "\n" in text:
        text = _NUMBERED_LINE.sub("", text)
    # A full stop ends the sentence that a list is written as. It goes before bullets do: "3." may be an item.
    parts = (part.strip().removesuffix(".") for part in re.split(r"[\n,;]", text))
    return [item for part in parts if (item := normalise(_BULLET.sub("", part)).strip("[]\"' "))]


def _object(text: str) -> dict[str, object] | None:
    # The first object in the reply: small models like to talk before and after it.
    start = text.find("{")
    while start != -1:
        try:
            value, _ = json.JSONDecoder().raw_decode(text[start:])
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
            continue
        return value if isinstance(value, dict) else None
    return None


def _same(given: object, wanted: object) -> bool:
    if isinstance(given, str) and isinstance(wanted, str):
        return normalise(given) == normalise(wanted)
    # To Python true is 1.
    return isinstance(given, bool) == isinstance(wanted, bool) and given == wanted


def _f1(shared: int, given: int, wanted: int) -> float:
    return 2 * shared / (given + wanted) if shared else 0.0


_SIMPLE: dict[str, Metric] = {
    "exact": _exact,
    "contains": _contains,
    "regex": _regex,
    "list": _list,
    "json": _json,
    "f1": _token_f1,
}
