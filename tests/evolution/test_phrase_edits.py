"""Edits of phrases (GrIPS): each changes what it says and nothing else."""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptbreeder.evolution.asks import Task, Unit
from promptbreeder.evolution.operators.neighbours import FAMILIES
from promptbreeder.evolution.operators.phrase_edits import (
    add_phrase,
    delete_phrase,
    duplicate_phrase,
    edit_phrases,
    listed_labels,
    say_twice,
    swap_phrases,
    with_labels_last,
)
from promptbreeder.evolution.phrases import PLACEHOLDER, segments, split, whole
from promptbreeder.prompt import MAX_PROMPT_CHARACTERS, Prompt

STEPS = "Sort the ticket.\n1. Read it: all of it.\n2. Choose, and be quick.\n- billing: refund, invoice\n\nHurry."
sentences = st.lists(st.sampled_from(("Be quick.", "Read it.", "Sort it!", "Who cares?", "Do: this.")), max_size=6)
texts = st.builds(lambda parts, gap: gap.join(parts), sentences, st.sampled_from((" ", "\n", "\n\n")))
templates = st.builds(lambda text: f"{text}\nText: {{{{input}}}} Answer:", texts)


@given(st.text(alphabet="ab1 ,.;!?-\n", max_size=120))
def test_segments_keep_what_stands_between_them(text: str) -> None:
    """Nothing is lost but white space at the ends."""
    assert whole(segments(text)) == text.strip()


def test_items_of_a_list_stay_whole() -> None:
    """A number that is torn off its step, or words off their label, would say nothing."""
    assert split(STEPS) == (
        "Sort the ticket.",
        "1. Read it: all of it.",
        "2. Choose, and be quick.",
        "- billing: refund, invoice",
        "Hurry.",
    )


@given(texts | templates, st.integers(0, 99))
def test_delete_takes_one_phrase_and_changes_nothing_else(text: str, seed: int) -> None:
    """The rest keeps its order, its words and its line breaks; the last phrase and the item's place stay."""
    before, after = segments(text), segments(delete_phrase(text, Random(seed)))
    if len(before) < 2:
        assert after == before
        return
    assert any(
        whole(after) == whole((*before[:place], *before[place + 1 :])) and not PLACEHOLDER.search(segment.text)
        for place, segment in enumerate(before)
    )


@given(texts | templates, st.integers(0, 99))
def test_swap_keeps_the_multiset_of_phrases_and_the_gaps(text: str, seed: int) -> None:
    """Two phrases change places; the line breaks stay where they were."""
    before, after = segments(text), segments(swap_phrases(text, Random(seed)))
    assert Counter(segment.text for segment in after) == Counter(segment.text for segment in before)
    assert [segment.gap for segment in after] == [segment.gap for segment in before]
    assert sum(one.text != other.text for one, other in zip(before, after, strict=True)) in (0, 2)


@given(texts | templates, st.integers(0, 99))
def test_duplicate_says_one_phrase_once_more_at_the_end(text: str, seed: int) -> None:
    """Never the one that marks the item's place."""
    before, after = split(text), split(duplicate_phrase(text, Random(seed)))
    movable = [phrase for phrase in before if not PLACEHOLDER.search(phrase)]
    assert after == before if not movable else after[:-1] == before and after[-1] in movable


@given(texts | templates, st.integers(0, 99))
def test_add_puts_one_phrase_of_the_stock_in(text: str, seed: int) -> None:
    """Taking it out again gives the text back."""
    stock = ("Sort it. Name one queue.", "Text: {{input}} Answer:", "be quick.")
    before, after = split(text), split(add_phrase(text, stock, Random(seed)))
    new = (Counter(after) - Counter(before)).elements()
    (added,) = list(new) or ("",)
    assert added in ("", "Sort it.", "Name one queue.", "be quick.")
    assert [phrase for phrase in after if phrase != added] == [phrase for phrase in before if phrase != added]
    assert not (added == "be quick." and "Be quick." in before), "it was said already, apart from case and stop"


def test_add_finds_nothing_in_a_stock_that_is_said() -> None:
    """The text stays as it is."""
    assert add_phrase("Sort it. Be quick.", ("be quick.", "Sort it."), Random(1)) == "Sort it. Be quick."


def test_a_deleted_phrase_can_come_back() -> None:
    """What GrIPS' add is for."""
    short = delete_phrase("Read it. Sort it.", Random(1))
    assert sorted(split(add_phrase(short, ("Read it. Sort it.",), Random(2)))) == ["Read it.", "Sort it."]


def test_saying_twice_leaves_templates_alone() -> None:
    """An item has one place."""
    assert say_twice("Sort it.") == "Sort it.\n\nSort it."
    assert say_twice("Sort {{input}}.") == "Sort {{input}}."
    assert not say_twice("")


@given(st.permutations(("bug", "bug fix", "fix", "sales")))
def test_the_order_of_listed_labels_is_read_and_replaced(order: list[str]) -> None:
    """Also where one label is part of another; a second list never appears."""
    labels = ("bug", "bug fix", "fix", "sales")
    task = Task(description="Sort.", seeds=(), labels=labels, blocks=1, block_size=16)
    listed = with_labels_last("Sort it.", task, order)
    assert listed_labels(listed, task) == tuple(order)
    assert with_labels_last(listed, task) == "Sort it. Answer with one of: bug, bug fix, fix, sales."
    assert listed_labels("Answer with one of: bug, fix, and so on in the end.", task) == ()


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_no_edit_makes_a_prompt_that_is_too_long_to_exist(family: str, task: Task) -> None:
    """At the limit of length, edits that add something are left out; none raises."""
    longest = Prompt(instruction=("Pick a queue. " * MAX_PROMPT_CHARACTERS)[:MAX_PROMPT_CHARACTERS])
    for seed in range(5):
        made = FAMILIES[family](longest, task, Random(seed), 8)
        assert all(len(variant.prompt.instruction) <= MAX_PROMPT_CHARACTERS for variant in made)


def test_a_long_instruction_is_edited_too(task: Task, context: Callable[..., Any]) -> None:
    """One longer than a search may write can become shorter, or say the same in another order."""
    long = " ".join(f"Sentence {number} says something of its own about tickets." for number in range(25))
    assert len(long) > task.max_instruction_characters
    unit = Unit(prompt=Prompt(instruction=long), mutation_prompt="m")
    edited = [edit_phrases(unit, (unit,), context(seed)).prompt.instruction for seed in range(40)]
    assert any(text != long for text in edited)
    assert all(len(text) <= len(long) for text in edited)


def test_a_template_keeps_its_fields_and_ends_where_the_answer_begins(task: Task, context: Callable[..., Any]) -> None:
    """What is added stands at its head; the names of its fields stay before the fields, or go."""
    unit = Unit(prompt=Prompt(instruction="Text: {{input}}\nLabel:"), mutation_prompt="m")
    edited = {edit_phrases(unit, (unit,), context(seed)).prompt.instruction for seed in range(100)}
    listed = "Answer with one of: billing, delivery, technical.\nText: {{input}}\nLabel:"
    assert listed in edited
    for text in edited:
        assert text.endswith(("Text: {{input}}\nLabel:", "{{input}}\nLabel:", "Text: {{input}}"))
    assert with_labels_last(listed, task, ("technical", "billing", "delivery")) == (
        "Answer with one of: technical, billing, delivery.\nText: {{input}}\nLabel:"
    )
