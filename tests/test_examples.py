"""The skills in `examples/`: what a user may rely on when importing one, and a benchmark when scoring on it."""

import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

from promptbreeder.requests import SkillDefinition
from promptbreeder.text import normalise

_FOLDER = Path(__file__).parents[1] / "examples"
_NAMES = ("commit-type", "kebab-name", "ticket-route")
_LABELLED = ("commit-type", "ticket-route")

_REPLACED = {"'": "", "\u2019": "", "&": " and ", "ß": "ss"}
_ACCENTED = {"a": "àáâãäå", "c": "ç", "e": "èéêë", "i": "íï", "l": "ł", "n": "ñ", "o": "óöø", "s": "š", "u": "ùûü"}
_PLAIN = str.maketrans(_REPLACED | {letter: plain for plain, letters in _ACCENTED.items() for letter in letters})


def _load(name: str) -> SkillDefinition:
    return SkillDefinition.parse(json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def _trigrams(text: str) -> frozenset[str]:
    text = normalise(text)
    return frozenset(text[start : start + 3] for start in range(max(1, len(text) - 2)))


def _kebab(title: str) -> str:
    text = title.lower().translate(_PLAIN)
    return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in text).split())


@pytest.mark.parametrize("name", _NAMES)
def test_a_file_is_a_skill_with_enough_answered_examples(name: str) -> None:
    """Every file parses as the skill of its own name, with at least 300 examples that all have an answer."""
    skill = _load(name)
    assert skill.name == name
    assert len(skill.examples) >= 300
    assert [example.input for example in skill.examples if not (example.expected or "").strip()] == []


@pytest.mark.parametrize("name", _NAMES)
def test_no_two_inputs_are_near_duplicates(name: str) -> None:
    """No two inputs share half of their character trigrams (Jaccard), so the splits do not leak into each other."""
    grams = [(example.input, _trigrams(example.input)) for example in _load(name).examples]
    # |a & b| / |a | b| >= 1/2 is 3 |a & b| >= |a| + |b|, and only possible where neither is more than twice the other.
    alike = [
        (one, other)
        for (one, a), (other, b) in combinations(grams, 2)
        if len(a) <= 2 * len(b) and len(b) <= 2 * len(a) and 3 * len(a & b) >= len(a) + len(b)
    ]
    assert alike == []


@pytest.mark.parametrize("name", _LABELLED)
def test_labels_are_the_declared_ones_and_none_is_rare(name: str) -> None:
    """The answers are exactly the declared labels, and each is the answer to at least a tenth of the examples."""
    skill = _load(name)
    counts = Counter(example.expected for example in skill.examples)
    assert sorted(counts, key=str) == sorted(skill.labels)
    assert {label: n for label, n in counts.items() if n * 10 < len(skill.examples)} == {}


def test_kebab_name_is_free_text_judged_exactly() -> None:
    """The file-name skill declares no labels and the metric `exact`."""
    skill = _load("kebab-name")
    assert skill.labels == ()
    assert skill.metric == "exact"


def test_kebab_names_obey_the_stated_rule() -> None:
    """Each expected file name is lower-case ASCII words joined by hyphens, as the rule makes it from the title."""
    examples = _load("kebab-name").examples
    shape = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
    assert [example.expected for example in examples if not shape.fullmatch(example.expected or "")] == []
    assert [(e.input, e.expected) for e in examples if e.expected != _kebab(e.input)] == []
