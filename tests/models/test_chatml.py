"""Chats as text."""

from hypothesis import given
from hypothesis import strategies as st

from promptbreeder.models import chatml
from promptbreeder.prompt import Message


def test_a_chat_ends_inside_the_turn_of_the_assistant() -> None:
    """Each message is a turn, and the last one is open."""
    messages = (Message("system", "Be brief."), Message("user", "Hello"))
    assert chatml.render(messages) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    )


def test_an_opening_stands_at_the_end() -> None:
    """The assistant's turn begins with it."""
    assert chatml.render((), "Sure") == "<|im_start|>assistant\nSure"


@given(st.lists(st.sampled_from(["<|im_start|>", "<|im_end|>", "<|", "|>", "im_end", "a", "\n"])).map("".join))
def test_no_text_opens_or_closes_a_turn(text: str) -> None:
    """However control tokens are nested in a text, the chat has its own turns and no others."""
    chat = chatml.render((Message("user", text),), text)
    assert chat.count("<|im_start|>") == 2
    assert chat.count("<|im_end|>") == 1
