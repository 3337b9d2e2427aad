"""Reasons to refuse a writer's text."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptbreeder.evolution import validation
from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.cleaning import clean
from promptbreeder.evolution.validation import Demands, Rejection, objection
from promptbreeder.prompt import Prompt
from promptbreeder.skill import Example
from promptbreeder.text import normalise

PARENT = "Sort the ticket into a queue."
DEMANDS = Demands(
    max_words=40,
    parent=PARENT,
    rivals=("Name the team that should handle this message.",),
    request=("Say exactly what the reply has to look like.",),
)


def _reason(raw: str, task: Task, demands: Demands = DEMANDS) -> Rejection | None:
    return objection(raw, clean(raw), task, demands)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", Rejection.EMPTY),
        ("...", Rejection.EMPTY),
        ("Sort it.<|im_end|>", Rejection.CONTROL_TOKENS),
        ("I'm sorry, but I cannot do that.", Rejection.CHAT),
        ("Sure, happy to help with the ticket!", Rejection.CHAT),
        ("Thank you for the ticket.", Rejection.CHAT),
        ("What would you like me to do with the ticket?", Rejection.CHAT),
        ("Read the ticket, as an AI would.", Rejection.CHAT),
        (f"Read {' '.join(f'word{n}' for n in range(50))}.", Rejection.OVER_LONG),
        ("Read it, then read it, then read it, then read it, then read it.", Rejection.REPETITIVE),
        ("billing", Rejection.ANSWER),
        ("Answer: the queue that fits the ticket best", Rejection.ANSWER),
        ("The answer is delivery.", Rejection.ANSWER),
        ("Technical: the printer is broken.", Rejection.ANSWER),
        ("Billing or delivery or technical", Rejection.ANSWER),
        ("Send tickets about money to billing.", Rejection.SOME_LABELS),
        ("Read: Ticket 4: something about delivery, billing and technical went wrong", None),
        ("Note that something about delivery went wrong; say billing, delivery or technical.", None),
        ("Say exactly what the reply has to look like for a ticket.", Rejection.ECHO),
        ("Rewrite the ticket so that its queue is clear.", Rejection.ECHO),
        ("sort the ticket into a queue", Rejection.UNCHANGED),
        ("Name the team that should handle this message!", Rejection.DUPLICATE),
        ("Find out what the customer needs and name the queue.", None),
        ("Choose between billing, delivery and technical.", None),
    ],
)
def test_each_kind_of_garbage_has_its_name(task: Task, raw: str, reason: Rejection | None) -> None:
    """What small writers do instead of writing an instruction is recognised; instructions pass."""
    assert _reason(raw, task) is reason


def test_verbatim_copies_of_examples_are_refused(task: Task) -> None:
    """An example's text in an instruction would teach the executor one case."""
    copied = task.train[4].input
    assert _reason(f"Read this: {copied}, billing, delivery, or technical.", task) is Rejection.EXAMPLE


def test_short_examples_are_found_too(task: Task) -> None:
    """Four words are enough to be called a copy."""
    short = task.model_copy(update={"train": (Example(input="my router keeps rebooting", expected="technical"),)})
    assert _reason("Say why my router keeps rebooting so often.", short) is Rejection.EXAMPLE


def test_without_labels_long_answers_and_bare_answers_are_refused(task: Task) -> None:
    """In free text an answer is known by the train examples' own answers."""
    train = (Example(input="wolf", expected="wolves"), Example(input="city", expected="cities and larger towns"))
    free = task.model_copy(update={"labels": (), "train": train})
    assert _reason("wolves", free) is Rejection.ANSWER
    assert _reason("Write cities and larger towns.", free) is Rejection.ANSWER
    assert _reason("Write the plural of the noun, wolves for instance.", free) is None


def test_words_about_texts_may_stay_where_the_task_itself_has_them(task: Task) -> None:
    """A task about prompts can be described."""
    about = task.model_copy(update={"description": "Rate a prompt by its clarity."})
    assert _reason("Give each prompt a mark for clarity.", about) is None
    assert _reason("Give each prompt a mark for clarity.", task) is Rejection.ECHO


def test_mutation_prompts_may_speak_of_texts_but_not_of_the_task(task: Task) -> None:
    """A mutation-prompt that repeats the task is no way of changing a text."""
    demands = Demands(max_words=40, about_texts=True, parent="Be brief.", request=(task.description,))
    assert _reason("Rewrite the instruction as a question.", task, demands) is None
    assert _reason("Route a support ticket to its queue, please.", task, demands) is Rejection.ECHO


def test_a_text_on_something_else_is_refused_where_that_is_asked_for(task: Task) -> None:
    """A tiny writer drifts; a large one may use other words for the same thing."""
    drifting = "Read the story aloud and enjoy it."
    strict = Demands(max_words=40, parent=PARENT, on_topic=True)
    assert _reason(drifting, task, strict) is Rejection.DRIFT
    assert _reason("Read the tickets aloud.", task, strict) is None
    assert _reason(drifting, task) is None


def test_counter_questions_are_told_from_questions_that_instruct(task: Task) -> None:
    """A question can be an instruction, unless it is put to the one who asked."""
    assert _reason("Which office has to deal with this?", task) is None
    assert _reason("Could you please give the ticket?", task) is Rejection.CHAT


@pytest.mark.parametrize(
    ("labels", "text", "reason"),
    [
        (("C", "C++", "Java"), "Decide which language the code is written in: C, C++ or Java.", None),
        (("C", "C++", "Java"), "Decide whether the code is written in C++ or not.", Rejection.SOME_LABELS),
        (("N/A.", "known"), "Decide whether the code's language is known or N/A. here.", None),
        (("bug", "bug fix", "feature"), "Decide whether the code is a bug fix or a feature.", Rejection.SOME_LABELS),
        (("bug", "bug fix", "feature"), "Decide whether the code is a bug, a bug fix or a feature.", None),
        (("A", "B", "C"), "Read the code and pick a letter that fits its language best.", None),
        (("A", "B", "C"), "Read the code and say whether its language is A or not.", Rejection.SOME_LABELS),
        (("A", "B", "C"), "A: the code that is meant is written in Java.", Rejection.ANSWER),
        (("i", "o", "u"), "I: the name of the language is what is asked for.", None),
    ],
)
def test_labels_are_found_whatever_they_end_in_and_contain(
    labels: tuple[str, ...], text: str, reason: Rejection | None
) -> None:
    """A text that names all labels is no biased one; one that names the longer of two does not name the shorter.

    Nor does the article name a label A.
    """
    task = Task(
        description="Name the language of the code, or what the change to the code is.",
        seeds=(Prompt(instruction="What is this?"),),
        labels=labels,
        blocks=1,
        block_size=16,
    )
    assert _reason(text, task) is reason


def test_examples_are_read_once_for_all_drafts(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be thousands of them, and a draft is checked while the server waits."""
    examples = tuple(Example(input=f"One more case, the {n}th of many", expected="billing") for n in range(5_000))
    read: list[str] = []

    def reading(text: str) -> str:
        read.append(text)
        return normalise(text)

    monkeypatch.setattr(validation, "normalise", reading)
    many = task.model_copy(update={"train": examples})
    for draft in ("Find out what the customer needs.", "Say which queue fits the ticket best."):
        assert _reason(draft, many) is None
    assert sum(text.startswith("One more case") for text in read) == 5_000


_TEXTS = st.lists(st.sampled_from(["Don't pay the", "bill, \u00c9t\u00e9 or", "now"]), min_size=2, max_size=3)


@given(texts=st.lists(_TEXTS, max_size=5), draft=_TEXTS, description=_TEXTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_copy_is_six_words_of_one_example_or_a_whole_shorter_one(
    texts: list[list[str]], draft: list[str], description: list[str], task: Task
) -> None:
    """Judged example by example, whatever they are looked up in; words of the task's description are no copy."""

    def runs(text: str) -> list[list[str]]:
        words = re.findall(r"[^\W_]+(?:['\u2019-][^\W_]+)*", normalise(text))
        return [words[start : start + 6] for start in range(len(words) - 5)]

    inputs = [" ".join(parts) for parts in texts]
    text, told = " ".join(draft), " ".join(description)
    allowed = runs(told)
    copies = any(
        any(run in runs(one) for run in runs(text) if run not in allowed)
        or (4 <= len(one.split()) < 6 and normalise(one) in normalise(text))
        for one in inputs
    )
    examples = tuple(Example(input=one, expected="billing") for one in inputs)
    given_task = task.model_copy(update={"train": examples, "description": told})
    reason = objection(text, text, given_task, Demands(max_words=40))
    assert reason is (Rejection.EXAMPLE if copies else None)
