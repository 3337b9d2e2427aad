"""Moves that need no writer."""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from promptbreeder.evolution.asks import Task, Unit
from promptbreeder.evolution.operators.demonstrations import (
    draw,
    edit_demonstrations,
    list_sizes,
    usable,
)
from promptbreeder.evolution.operators.layout import change_decoding, change_layout
from promptbreeder.evolution.operators.phrase_edits import edit_phrases, with_labels_last
from promptbreeder.evolution.phrases import PLACEHOLDER, join, split
from promptbreeder.prompt import Prompt
from promptbreeder.skill import Example


@given(st.text(alphabet="ab ,.;!?\n", max_size=120))
def test_phrases_give_their_text_back(text: str) -> None:
    """Splitting loses nothing but white space."""
    assert join(split(text)).split() == text.split()


def test_long_sentences_are_split_at_their_clauses() -> None:
    """An edit moves an idea, not a paragraph."""
    text = "Read what the customer writes in the ticket, then name the queue and do not explain anything. Hurry."
    assert split(text) == (
        "Read what the customer writes in the ticket,",
        "then name the queue",
        "and do not explain anything.",
        "Hurry.",
    )


def test_draws_are_balanced_over_labels_and_free_of_repeats(task: Task) -> None:
    """Six demonstrations of three labels are two of each."""
    for seed in range(20):
        shots = draw(task, 6, Random(seed))
        assert Counter(shot.output for shot in shots) == dict.fromkeys(task.labels, 2)
        assert len(dict.fromkeys(shot.input for shot in shots)) == 6


def test_a_draw_fills_up_the_label_that_is_shown_least(task: Task) -> None:
    """Adding to a list restores its balance."""
    shown = [shot for shot in usable(task) if shot.output != "technical"][:4]
    assert [shot.output for shot in draw(task, 1, Random(1), shown=shown)] == ["technical"]


def test_examples_without_an_answer_or_too_long_are_no_demonstrations(task: Task) -> None:
    """A skill judged by taste has inputs only."""
    odd = (Example(input="no answer"), Example(input="x" * 700, expected="billing"))
    assert draw(task.model_copy(update={"train": odd}), 3, Random(1)) == ()


def test_lists_double_from_one_of_each_label_to_what_there_is(task: Task) -> None:
    """Every label as often as the others, no longer than the profile and the examples allow."""
    many = tuple(Example(input=f"ticket {n}", expected=task.labels[n % len(task.labels)]) for n in range(30))
    labels = len(task.labels)
    assert list_sizes(task.model_copy(update={"train": many}), 48)[:3] == (labels, labels * 2, labels * 4)
    assert max(list_sizes(task.model_copy(update={"train": many}), 48)) <= 30
    assert list_sizes(task.model_copy(update={"train": many}), 4) == (labels,)
    assert list_sizes(task.model_copy(update={"labels": (), "train": many}), 20) == (3, 6, 12)


def test_a_drawn_list_ends_before_it_grows_too_long(task: Task) -> None:
    """What the run can afford decides, but every label is shown."""
    long = tuple(Example(input=f"{n:02} {'x' * 90}", expected=task.labels[n % len(task.labels)]) for n in range(40))
    lists = [
        draw(task.model_copy(update={"train": long, "list_characters": most}), 40, Random(1)) for most in (0, 1_000)
    ]
    assert [sorted({shot.output for shot in shots}) for shots in lists] == [sorted(task.labels)] * 2
    assert len(lists[0]) == len(task.labels)
    assert sum(len(shot.input) + len(shot.output) for shot in lists[1]) <= 1_000 < 1.2 * 100 * len(lists[1])
    assert max(list_sizes(task.model_copy(update={"train": long, "list_characters": 1_000}), 48)) <= len(lists[1])
    assert len(draw(task.model_copy(update={"labels": (), "train": long, "list_characters": 0}), 9, Random(1))) == 1


def test_demonstration_moves_stay_within_the_list_size_and_the_train_split(
    population: tuple[Unit, ...], task: Task, context: Callable[..., Any]
) -> None:
    """All five moves happen, none leaves the bounds or repeats an example."""
    unit, made, sizes = population[0], context(context_size=4), []
    for _ in range(300):
        unit = edit_demonstrations(unit, population, made)
        shots = unit.prompt.demonstrations
        sizes.append(len(shots))
        assert all(shot in usable(task) for shot in shots)
        assert len(dict.fromkeys(shots)) == len(shots)
    assert sorted(dict.fromkeys(sizes)) == [0, 1, 2, 3, 4]


def test_without_train_examples_given_demonstrations_can_still_be_dropped_or_permuted(
    population: tuple[Unit, ...], task: Task, context: Callable[..., Any]
) -> None:
    """What a seed brings along is material too."""
    shots = usable(task)[:2]
    unit = population[0].model_copy(update={"prompt": population[0].prompt.but(demonstrations=shots)})
    made = context(1, task.model_copy(update={"train": ()}))
    sizes = Counter(len(edit_demonstrations(unit, population, made).prompt.demonstrations) for _ in range(50))
    assert sorted(sizes) == [1, 2]
    assert edit_demonstrations(population[0], population, made) == population[0]


def test_phrase_edits_leave_the_place_of_the_item_alone(
    population: tuple[Unit, ...], context: Callable[..., Any]
) -> None:
    """A template keeps exactly one placeholder through any number of edits."""
    unit = population[0].model_copy(
        update={"prompt": Prompt(instruction="Be quick. Text: {{input}}. Name the queue. Be polite.")}
    )
    made = context()
    for _ in range(100):
        unit = edit_phrases(unit, population, made)
        assert len(PLACEHOLDER.findall(unit.prompt.instruction)) == 1


def test_phrase_edits_never_exceed_the_length_limit_nor_empty_the_text(
    population: tuple[Unit, ...], task: Task, context: Callable[..., Any]
) -> None:
    """Duplication and repetition stop at the skill's limit."""
    made = context(1, task.model_copy(update={"max_instruction_characters": 80}))
    unit = population[0]
    for _ in range(200):
        unit = edit_phrases(unit, population, made)
        assert 0 < len(unit.prompt.instruction) <= 80


def test_an_empty_instruction_can_only_grow(population: tuple[Unit, ...], context: Callable[..., Any]) -> None:
    """A seed without any instruction is a valid start."""
    unit = population[0].model_copy(update={"prompt": Prompt(instruction="")})
    assert edit_phrases(unit, population, context()).prompt.instruction


def test_the_label_list_is_moved_last_and_stands_there_once(task: Task) -> None:
    """Appending again does not repeat it."""
    once = with_labels_last("Sort it.", task)
    assert once == "Sort it. Answer with one of: billing, delivery, technical."
    assert with_labels_last(f"{once} Be brief.", task).count("Answer with one of") == 1


def test_a_layout_change_changes_one_feature_that_matters(
    population: tuple[Unit, ...], context: Callable[..., Any]
) -> None:
    """Without demonstrations or field names their layout is not touched: the model would read the same."""
    made = context()
    features: Counter[str] = Counter()
    for _ in range(100):
        child = change_layout(population[0], population, made)
        before, after = population[0].prompt.format.model_dump(), child.prompt.format.model_dump()
        features.update(name for name in before if before[name] != after[name])
        assert child.prompt.render("item") != population[0].prompt.render("item")
    assert sorted(features) == ["input_name", "output_name", "place"]
    assert sum(features.values()) == 100


def test_decoding_moves_among_what_the_skill_allows(
    population: tuple[Unit, ...], task: Task, context: Callable[..., Any]
) -> None:
    """A skill that allows one way of decoding keeps it."""
    made = context()
    drawn = Counter(change_decoding(population[0], population, made).prompt.decoding.value for _ in range(60))
    assert sorted(drawn) == ["calibrated", "constrained"]
    only = context(1, task.model_copy(update={"decodings": ("free",)}))
    assert change_decoding(population[0], population, only) == population[0]
