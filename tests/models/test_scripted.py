"""The scripted model: answers by a table, a function or its rule; faults on demand."""

from collections.abc import Callable

import pytest

from promptbreeder.errors import ModelUnreachable
from promptbreeder.models.base import Choose, Generate, Model, Sampling
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.prompt import Message

pytestmark = pytest.mark.anyio
Ask = Callable[..., tuple[Message, ...]]
FREE = Sampling(max_tokens=20)


async def texts(model: ScriptedModel, *asked: tuple[Message, ...], sampling: Sampling = FREE) -> list[str]:
    """Return the replies to some chats."""
    block = await model.generate([Generate(messages, sampling) for messages in asked])
    return [reply.text for reply in block.answers]


async def test_a_table_answers_by_the_last_message(ask: Ask) -> None:
    """What is not in the table is answered with nothing."""
    assert await texts(ScriptedModel({"a": "b"}), ask("a"), ask("c")) == ["b", ""]


async def test_a_function_answers_by_the_whole_request(ask: Ask) -> None:
    """It sees sampling and opening too."""
    model = ScriptedModel(lambda request: f"{request.messages[0].content} {request.sampling.max_tokens}")
    assert await texts(model, ask("a", system="x")) == ["x 20"]


async def test_the_rule_answers_like_the_nearest_demonstration(ask: Ask) -> None:
    """So demonstrations decide how good it is."""
    shots = (("red car", "colour"), ("loud horn", "sound"))
    assert await texts(ScriptedModel(), ask("a loud car and a loud horn", *shots)) == ["sound"]


async def test_what_is_chosen_is_what_would_be_answered(ask: Ask) -> None:
    """Without a demonstration the option that stands in the item is the likeliest, else the first."""
    requests = [Choose(ask(text), ("red", "blue")) for text in ("a blue car", "a car")]
    block = await ScriptedModel().choose(requests)
    assert [choice.logprobs.index(max(choice.logprobs)) for choice in block.answers] == [1, 0]


async def test_writing_rewrites_the_longest_line(ask: Ask) -> None:
    """At a temperature it is a writer, and its seed decides."""
    asked = ask('Improve:\n"Which queue does this ticket belong to, if any?"')
    (text,) = await texts(ScriptedModel(), asked, sampling=Sampling(max_tokens=50, temperature=1.0, seed=1))
    assert "queue does this ticket" in text or "ticket belong" in text


async def test_a_fault_comes_once_at_its_call(ask: Ask) -> None:
    """The calls before and after it are answered; all are counted and kept."""
    model = ScriptedModel({"a": "b"}, fail_at={2: ModelUnreachable("gone")})
    assert await texts(model, ask("a")) == ["b"]
    with pytest.raises(ModelUnreachable, match="gone"):
        await texts(model, ask("a"))
    assert await texts(model, ask("a")) == ["b"]
    assert model.calls == len(model.requests) == 3


def test_it_is_a_model() -> None:
    """The protocol holds for it, and two of one name have the same fingerprint."""
    assert isinstance(ScriptedModel(), Model)
    assert ScriptedModel().fingerprint == ScriptedModel({}).fingerprint != ScriptedModel(name="x").fingerprint
