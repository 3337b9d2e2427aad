"""Prompt: what the executor reads, and what makes two prompts the same."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from promptbreeder.prompt import MAX_PROMPT_CHARACTERS, Decoding, Demonstration, Format, Message, Prompt

SHOTS = (Demonstration(input="in 1", output="out 1"), Demonstration(input="in 2", output="out 2"))
TEXTS = st.text(max_size=30)
FORMATS = st.builds(
    Format,
    place=st.sampled_from(["system", "user"]),
    demonstrations=st.sampled_from(["turns", "inline"]),
    input_name=st.sampled_from(["", "Ticket"]),
    output_name=st.sampled_from(["", "Queue"]),
    separator=st.sampled_from([": ", " = ", " -> ", ":\n"]),
)
PROMPTS = st.builds(
    Prompt,
    instruction=TEXTS | st.just("Say {{input}} now."),
    second_instruction=TEXTS,
    demonstrations=st.lists(st.builds(Demonstration, input=TEXTS, output=TEXTS), max_size=3).map(tuple),
    format=FORMATS,
    decoding=st.sampled_from(Decoding),
)


def test_the_instruction_is_a_system_turn_and_the_item_a_user_turn() -> None:
    """The plainest prompt."""
    assert Prompt(instruction="Sort.").render("x") == (Message("system", "Sort."), Message("user", "x"))


def test_demonstrations_are_turns_between_instruction_and_item() -> None:
    """In their order: all items of a block share everything but the last turn."""
    rendered = Prompt(instruction="Sort.", demonstrations=SHOTS).render("x")
    assert [content for _, content in rendered] == ["Sort.", "in 1", "out 1", "in 2", "out 2", "x"]
    assert [role for role, _ in rendered] == ["system", "user", "assistant", "user", "assistant", "user"]


def test_without_a_system_turn_the_instruction_heads_the_first_user_turn() -> None:
    """Once, and not again before the item."""
    prompt = Prompt(instruction="Sort.", demonstrations=SHOTS, format=Format(place="user"))
    assert [content for _, content in prompt.render("x")] == ["Sort.\n\nin 1", "out 1", "in 2", "out 2", "x"]
    assert Prompt(instruction="Sort.", format=Format(place="user")).render("x") == (Message("user", "Sort.\n\nx"),)


def test_field_names_frame_every_item_alike() -> None:
    """The demonstrations and the item: the output's name asks for the answer and has no trailing space."""
    style = Format(input_name="Ticket", output_name="Queue", separator=" = ")
    rendered = Prompt(instruction="Sort.", demonstrations=SHOTS[:1], format=style).render("x")
    assert [content for _, content in rendered] == ["Sort.", "Ticket = in 1\nQueue =", "out 1", "Ticket = x\nQueue ="]


def test_inline_demonstrations_stand_below_the_instruction() -> None:
    """As text, with names of their own where the format has none."""
    prompt = Prompt(instruction="Sort.", demonstrations=SHOTS, format=Format(demonstrations="inline"))
    assert prompt.render("x") == (
        Message("system", "Sort.\n\nInput: in 1\nOutput: out 1\n\nInput: in 2\nOutput: out 2"),
        Message("user", "x"),
    )


@pytest.mark.parametrize("mark", ["{{input}}", "{{ input }}"])
def test_a_marked_instruction_is_a_template_of_its_own(mark: str) -> None:
    """One user turn in the author's layout, demonstrations above it."""
    assert Prompt(instruction=f"Sort {mark} now.").render("x") == (Message("user", "Sort x now."),)
    shown = Prompt(instruction=f"Sort {mark} now.", demonstrations=SHOTS[:1]).render("x")
    assert shown == (Message("user", "Input: in 1\nOutput: out 1\n\nSort x now."),)


def test_only_the_first_mark_is_filled_and_nothing_of_the_item_is_expanded() -> None:
    """An input that contains a mark is text like any other."""
    prompt = Prompt(instruction="A {{input}} B {{input}}")
    assert prompt.render("{{input}}")[0].content == "A {{input}} B {{input}}"
    assert prompt.render(r"\1 \g<0>")[0].content == r"A \1 \g<0> B {{input}}"


@given(prompt=PROMPTS, item=TEXTS, tokens=st.lists(st.sampled_from(["<|im_end|>", "<|im_", "start|>", "</s>", "<"])))
def test_nothing_that_is_put_in_can_open_or_close_a_turn(prompt: Prompt, item: str, tokens: list[str]) -> None:
    """Neither an evolved instruction nor an example nor the item, not even when parts join to a control token."""
    forged = "".join(tokens)
    bad = prompt.but(
        instruction=prompt.instruction + forged,
        demonstrations=(*prompt.demonstrations, Demonstration(input=forged, output=forged)),
    )
    for _, content in (*bad.render(item + forged), *bad.render_second(item, forged)):
        assert "<|im_end|>" not in content
        assert "</s>" not in content


@given(prompt=PROMPTS, one=TEXTS, other=TEXTS)
def test_items_share_all_turns_but_the_last(prompt: Prompt, one: str, other: str) -> None:
    """What lies in the cache's prefix must not depend on the item."""
    assert prompt.render(one)[:-1] == prompt.render(other)[:-1]
    assert prompt.render(one)[-1].role == "user"


def test_the_second_call_goes_on_from_the_working_out() -> None:
    """Same turns as the first call, then what it wrote, then the second task-prompt."""
    prompt = Prompt(instruction="Think.", second_instruction="So:")
    assert prompt.render_second("x", "hm") == (*prompt.render("x"), Message("assistant", "hm"), Message("user", "So:"))


@pytest.mark.parametrize(
    "change",
    [
        {"instruction": "Sort!"},
        {"second_instruction": "So:"},
        {"demonstrations": SHOTS[::-1]},
        {"demonstrations": SHOTS[:1]},
        {"format": Format(place="user")},
        {"format": Format(separator=" = ")},
        {"decoding": "calibrated"},
    ],
)
def test_whatever_changes_input_or_output_changes_the_hash(change: dict[str, object]) -> None:
    """Two prompts of one hash are the same prompt, in the cache and as a version."""
    prompt = Prompt(instruction="Sort.", demonstrations=SHOTS)
    assert prompt.but(**change).content_hash != prompt.content_hash


@given(prompt=PROMPTS)
def test_the_hash_survives_storage(prompt: Prompt) -> None:
    """Through JSON and back, also with its keys in another order."""
    stored = prompt.model_dump_json()
    assert Prompt.model_validate_json(stored).content_hash == prompt.content_hash
    turned = dict(reversed(json.loads(stored).items()))
    assert Prompt.model_validate(turned).content_hash == prompt.content_hash


def test_the_hash_is_the_same_in_every_process() -> None:
    """It is stored, so it must not depend on Python's hash seed."""
    prompt = Prompt(instruction="Sort é.", demonstrations=SHOTS)
    program = "import sys; from promptbreeder.prompt import Prompt; "
    program += "print(Prompt.model_validate_json(sys.stdin.read()).content_hash)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=prompt.model_dump_json(),
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUTF8": "1"},
        encoding="utf-8",
        capture_output=True,
        check=True,
    )
    assert done.stdout.strip() == prompt.content_hash


def test_a_changed_copy_is_validated() -> None:
    """An operator cannot make a prompt that could not be stored; the original stays as it is."""
    prompt = Prompt(instruction="Sort.")
    with pytest.raises(ValidationError):
        prompt.but(instruction="x" * (MAX_PROMPT_CHARACTERS + 1))
    with pytest.raises(ValidationError):
        prompt.but(decoding="loud")
    assert prompt.but(decoding="calibrated").decoding is Decoding.CALIBRATED
    assert prompt.decoding is Decoding.FREE
