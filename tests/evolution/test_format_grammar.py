"""The grammar of formats (FormatSpread)."""

from collections import Counter
from random import Random

from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.operators.demonstrations import usable
from promptbreeder.evolution.operators.format_grammar import one_choice_away
from promptbreeder.prompt import Format, Prompt

FULL = Format(input_name="Text", output_name="Label", separator=" = ")


def _full(task: Task) -> Prompt:
    return Prompt(instruction="Sort it.", demonstrations=usable(task)[:3], format=FULL)


def test_every_choice_of_the_grammar_is_one_step_away(task: Task) -> None:
    """Place, turns or text, both names, separator, casing, and the order of the labels."""
    found = Counter(name for name, _ in one_choice_away(_full(task), task, Random(1)))
    assert found["place"] == found["demonstrations"] == 1
    assert found["input name"] == found["output name"] == found["separator"] == 3
    assert found["casing"] == 2
    assert found["labels last"] in (2, 3)


def test_a_choice_changes_what_it_names_and_nothing_else(task: Task) -> None:
    """So that a gain can be put down to it; and the executor sees every change."""
    prompt = _full(task)
    for name, other in one_choice_away(prompt, task, Random(1)):
        before, after = prompt.format.model_dump(), other.format.model_dump()
        changed = [feature.replace("_", " ") for feature in before if before[feature] != after[feature]]
        assert other.demonstrations == prompt.demonstrations
        assert other.render("item") != prompt.render("item")
        if name == "labels last":
            assert changed == []
            continue
        assert other.instruction == prompt.instruction
        assert changed == ([name] if name != "casing" else ["input name", "output name"])


def test_casing_applies_to_all_names_alike(task: Task) -> None:
    """FormatSpread's casing is one function for all fields."""
    cased = [other.format for name, other in one_choice_away(_full(task), task, Random(1)) if name == "casing"]
    assert [(style.input_name, style.output_name) for style in cased] == [("text", "label"), ("TEXT", "LABEL")]


def test_listed_labels_are_listed_in_another_order(task: Task) -> None:
    """The list is not repeated; its labels stay the same."""
    listed = Prompt(instruction="Sort it. Answer with one of: billing, delivery, technical.")
    orders = [p for name, p in one_choice_away(listed, task, Random(3)) if name == "label order"]
    texts = [prompt.instruction for prompt in orders]
    assert "Sort it. Answer with one of: technical, delivery, billing." in texts
    assert listed.instruction not in texts
    assert all(sorted(text) == sorted(listed.instruction) for text in texts)


def test_a_template_keeps_its_layout(task: Task) -> None:
    """Only what changes the text before the executor is offered: nothing without demonstrations."""
    bare = Prompt(instruction="Ticket: {{input}}\nQueue:")
    assert one_choice_away(bare, task, Random(1)) == ()
    shown = bare.but(demonstrations=usable(task)[:2], format=FULL)
    found = one_choice_away(shown, task, Random(1))
    assert found
    assert all(other.render("item") != shown.render("item") for _, other in found)


def test_without_labels_the_names_do_not_speak_of_them(task: Task) -> None:
    """No label list either."""
    free = task.model_copy(update={"labels": ()})
    for _, other in one_choice_away(Prompt(instruction="Pluralise."), free, Random(1)):
        assert "label" not in other.model_dump_json().casefold()
        assert other.instruction == "Pluralise."
