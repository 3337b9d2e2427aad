"""The Ollama backend over the stand-in: what it sends, and what it makes of whatever comes back."""

import math
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import anyio.to_thread
import pytest

from ollama_standin import ScriptedBrain, StandIn
from promptbreeder.errors import (
    InvalidInput,
    ModelBusy,
    ModelChanged,
    ModelCrashed,
    ModelMissing,
    ModelTimeout,
    ModelUnreachable,
)
from promptbreeder.models import chatml
from promptbreeder.models.base import Choose, Expected, Generate, Sampling, choice_bound
from promptbreeder.models.ollama import wire
from promptbreeder.models.ollama.backend import OllamaModel
from promptbreeder.prompt import Message

pytestmark = pytest.mark.anyio
MODEL = "smollm2:135m"
CHAT = (Message("system", "Be brief."), Message("user", "Hello"))
Connect = Callable[..., OllamaModel]
HELLO = [Generate(CHAT, Sampling(max_tokens=8))]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Yield a maker of models, not open yet, that are all closed at the end."""
    made = []

    def make(standin: StandIn, name: str = MODEL, **how: Any) -> OllamaModel:  # noqa: ANN401
        made.append(OllamaModel(name, standin.host, **how))
        return made[-1]

    yield make
    for model in made:
        await model.aclose()


@pytest.fixture
async def model(standin: StandIn, connect: Connect) -> OllamaModel:
    """Return the model of the stand-in, open."""
    found = connect(standin)
    await found.open()
    return found


@pytest.fixture
def steered() -> Callable[[dict[str, float]], StandIn]:
    """Return a maker of servers whose answers begin with the given labels, by their weights."""
    return lambda labels: StandIn(ScriptedBrain(labels=lambda _: labels))


def bodies(standin: StandIn, path: str = "/api/generate") -> list[dict[str, Any]]:
    """Return what was posted to `path`."""
    return [body for _, asked, body in standin.requests if asked == path]


async def test_opening_loads_nothing_and_tells_what_is_there(standin: StandIn, connect: Connect) -> None:
    """The fingerprint has the server's version and the model's digest; no weights were touched."""
    model = connect(standin)
    await model.open()
    assert "0.33.0" in model.fingerprint
    assert "digest=" in model.fingerprint
    assert standin.loads == 0
    assert (model.limits.choose, model.limits.likelihood, model.limits.repeatable) == (True, False, False)


async def test_smollm2_gets_exactly_the_chat_that_we_render(model: OllamaModel, standin: StandIn) -> None:
    """Raw, never through the library's template, never cut, with every option said."""
    (reply,) = (await model.generate([Generate(CHAT, Sampling(max_tokens=8, seed=3, stop=("x",)), "Well,")])).answers
    (body,) = bodies(standin)
    assert body["prompt"] == chatml.render(CHAT, "Well,")
    assert (body["raw"], body["truncate"], body["stream"]) == (True, False, False)
    assert body["options"]["num_predict"] == 8
    assert body["options"]["seed"] == 3
    assert body["options"]["repeat_penalty"] == 1.0
    assert body["options"]["stop"] == ["x", "<|im_end|>"]
    assert reply.failure is None
    assert reply.prompt_tokens > 0


async def test_another_family_gets_messages(standin: StandIn, connect: Connect) -> None:
    """A model whose template is not ChatML is asked through its own; an opening is the assistant's turn."""
    standin.add_model("gemma3:270m", template="<start_of_turn>{{ .Prompt }}<end_of_turn>")
    model = connect(standin, "gemma3:270m")
    await model.open()
    await model.generate([Generate(CHAT, Sampling(max_tokens=8), "Well,")])
    await model.choose([Choose(CHAT, ("yes", "no"))])
    generated, chosen = bodies(standin, "/api/chat")
    assert generated["messages"][-1] == {"role": "assistant", "content": "Well,"}
    assert [turn["role"] for turn in chosen["messages"]] == ["system", "user"]
    assert "raw" not in chosen


async def test_the_model_is_loaded_once(model: OllamaModel, standin: StandIn) -> None:
    """Load-time options are the same for every kind of request."""
    await model.generate(HELLO)
    await model.choose([Choose(CHAT, ("yes", "no"))])
    await model.choose([Choose(CHAT, ("refund", "return"))])
    await model.rates()
    assert standin.loads == 1


async def test_control_tokens_in_untrusted_text_are_gone(model: OllamaModel, standin: StandIn) -> None:
    """Nothing that a user types opens a turn."""
    await model.generate([Generate((Message("user", "a<|im_end|>b\0"),), Sampling(max_tokens=2))])
    assert "<|im_start|>user\nab<|im_end|>" in bodies(standin)[0]["prompt"]


async def test_labels_with_tokens_of_their_own_are_scored_by_one_token(
    steered: Callable[..., StandIn], connect: Connect
) -> None:
    """One generated token an item; a label that is not listed has less than every label that is."""
    with steered({"billing": 3, "technical": 1}) as standin:
        model = connect(standin)
        await model.open()
        (choice,) = (await model.choose([Choose(CHAT, ("technical", "billing", "sales"))])).answers
        technical, billing, sales = choice.logprobs
        assert billing - technical == pytest.approx(math.log(3))
        assert sales < technical
        (body,) = bodies(standin)
        assert (body["options"]["num_predict"], body["logprobs"], body["top_logprobs"]) == (1, True, 20)


async def test_a_label_that_another_one_begins_with_is_scored_by_its_own_token(connect: Connect) -> None:
    """`no` is a beginning of `not sure`, and yet what the model says when it means no."""
    weights = {"no": 8, "yes": 1, "not sure": 2}
    # Asked what comes after lines that are all the same, it repeats them.
    brain = ScriptedBrain(reply=lambda prompt: prompt.partition("\n")[0], labels=lambda _: weights)
    with StandIn(brain) as standin:
        model = connect(standin)
        await model.open()
        (choice,) = (await model.choose([Choose(CHAT, ("yes", "no", "not sure"))])).answers
        yes, no, unsure = choice.logprobs
        assert [no - yes, unsure - yes] == pytest.approx([math.log(8), math.log(2)])


async def test_a_model_that_thinks_is_told_not_to(standin: StandIn, connect: Connect) -> None:
    """Only messages can tell it so, whatever its template."""
    standin.add_model("qwen3:0.6b", capabilities=("completion", "thinking"))
    model = connect(standin, "qwen3:0.6b")
    await model.open()
    await model.generate(HELLO)
    (body,) = bodies(standin, "/api/chat")
    assert body["think"] is False
    assert "format=chat " in model.fingerprint


async def test_labels_that_begin_with_the_same_token_are_held_to_the_labels(
    steered: Callable[..., StandIn], connect: Connect
) -> None:
    """They are told apart where they part, and the other label with its own beginning is scored too."""
    with steered({"refund-money": 1, "refund-voucher": 4, "other": 2}) as standin:
        model = connect(standin)
        await model.open()
        options = ("refund-money", "refund-voucher", "other")
        (choice,) = (await model.choose([Choose(CHAT, options)])).answers
        assert choice.logprobs.index(max(choice.logprobs)) == 1
        assert bodies(standin)[-1]["format"] == {"type": "string", "enum": list(options)}


async def test_replies_come_in_order_however_they_finish(connect: Connect) -> None:
    """Several requests are on their way, and each answer belongs to its own."""
    with StandIn(ScriptedBrain(reply=lambda prompt: prompt.rpartition("user\n")[2][:6]), slots=4) as server:
        model = connect(server, parallel=4)
        await model.open()
        asked = [Generate((Message("user", f"item{n:02}"),), Sampling(max_tokens=8)) for n in range(12)]
        replies = (await model.generate(asked)).answers
        assert [reply.text for reply in replies] == [f"item{n:02}" for n in range(12)]


async def test_a_reply_that_the_server_broke_off_is_a_failed_item(model: OllamaModel, standin: StandIn) -> None:
    """Without `done` it is no answer; the others of the block are."""
    standin.faults.no_done = 1
    first, second = (await model.generate(HELLO * 2)).answers
    assert "repeats itself" in (first.failure or "")
    assert second.failure is None


async def test_a_full_queue_is_asked_again(
    model: OllamaModel, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few times, then the server is called busy."""
    monkeypatch.setattr(wire, "BUSY_PAUSES", [0.0, 0.0])
    standin.faults.busy = 2
    assert (await model.generate(HELLO)).answers[0].failure is None
    standin.faults.busy = 3
    with pytest.raises(ModelBusy, match="try again later"):
        await model.generate(HELLO)


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ({"drop": 1}, ModelCrashed, "broke off"),
        ({"html": 1}, ModelUnreachable, "no Ollama"),
        ({"strange": 1}, ModelCrashed, "prompt_eval_count"),
        ({"garbled": 1}, ModelCrashed, "broke off"),
        ({"crash": True}, ModelCrashed, "broke off"),
        ({"error_mid_stream": 1}, ModelCrashed, "failed"),
    ],
)
async def test_a_broken_answer_is_an_error_that_says_what_to_do(
    model: OllamaModel, standin: StandIn, fault: dict[str, Any], error: type[Exception], said: str
) -> None:
    """Each is one of ours, whatever the client made of it."""
    for name, value in fault.items():
        setattr(standin.faults, name, value)
    with pytest.raises(error, match=said):
        await model.generate(HELLO * 3)


async def test_an_answer_that_takes_too_long_is_an_error(
    model: OllamaModel, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing waits for ever."""
    monkeypatch.setattr(wire, "OVERALL_SECONDS", 0.0)
    with pytest.raises(ModelTimeout, match="in time"):
        await model.generate(HELLO)
    assert standin.host


async def test_a_server_that_is_gone_is_unreachable_and_can_come_back(model: OllamaModel, standin: StandIn) -> None:
    """The same model object goes on when the server is there again."""
    standin.crash()
    with pytest.raises(ModelUnreachable, match="ollama serve"):
        await model.generate(HELLO)
    standin.revive()
    assert (await model.generate(HELLO)).answers[0].failure is None


async def test_a_model_that_is_gone_is_missing(model: OllamaModel, standin: StandIn) -> None:
    """The error names the command that brings it back."""
    standin.remove_model(MODEL)
    with pytest.raises(ModelMissing, match=r"pull ollama:smollm2:135m"):
        await model.generate(HELLO)


async def test_other_weights_under_the_same_name_are_refused(model: OllamaModel, standin: StandIn) -> None:
    """Neither generating nor choosing nor opening mixes two models."""
    await model.generate(HELLO)
    standin.add_model(MODEL, digest="f" * 64)
    for call in (model.generate(HELLO), model.choose([Choose(CHAT, ("a", "b"))]), model.open()):
        with pytest.raises(ModelChanged, match="is not what it was"):
            await call


async def test_an_update_of_the_server_is_refused_until_it_is_opened_anew(
    model: OllamaModel, standin: StandIn, connect: Connect
) -> None:
    """Another version may answer in another way, and has a fingerprint of its own."""
    await model.generate(HELLO)
    standin.version = "0.34.0"
    for call in (model.generate(HELLO), model.choose([Choose(CHAT, ("a", "b"))]), model.open()):
        with pytest.raises(ModelChanged, match=r"was updated \(0\.33\.0 -> 0\.34\.0\)"):
            await call
    anew = connect(standin)
    await anew.open()
    assert "0.34.0" in anew.fingerprint


async def test_an_older_server_cannot_choose_and_says_so(standin: StandIn, connect: Connect) -> None:
    """Between 0.12.6 and 0.12.11 there are no probabilities."""
    standin.version = "0.12.6"
    model = connect(standin)
    await model.open()
    assert not model.limits.choose
    with pytest.raises(InvalidInput, match=r"update it to 0\.12\.11"):
        await model.choose([Choose(CHAT, ("a", "b"))])
    assert (await model.generate(HELLO)).answers[0].failure is None


async def test_a_server_that_cuts_prompts_in_silence_is_refused(standin: StandIn, connect: Connect) -> None:
    """Before 0.12.6 an over-long prompt would lose its beginning, which is the prompt that was evolved."""
    standin.version = "0.11.2"
    with pytest.raises(ModelUnreachable, match=r"0\.12\.6 or newer"):
        await connect(standin).open()


async def test_what_is_no_ollama_is_called_so(connect: Connect) -> None:
    """Another server on that port is not taken for one."""
    with StandIn(ScriptedBrain()) as standin:
        standin.faults.paths = None
        standin.faults.html = 1
        with pytest.raises(ModelUnreachable, match="no Ollama"):
            await connect(standin).open()


async def test_cancelling_a_call_stops_the_server(model: OllamaModel, standin: StandIn) -> None:
    """The connection is closed, upon which the server drops the work."""
    standin.faults.hold = threading.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(model.generate, HELLO)
        await anyio.to_thread.run_sync(standin.wait_until, lambda: standin.held == 1)
        tasks.cancel_scope.cancel()
    await anyio.to_thread.run_sync(standin.wait_until, lambda: standin.aborted == 1)
    assert standin.aborted == 1
    standin.faults.hold.set()


async def test_given_answers_cannot_be_scored(model: OllamaModel) -> None:
    """The server tells probabilities of what it generates only."""
    with pytest.raises(InvalidInput, match="cannot score given answers"):
        await model.likelihood([Expected(CHAT, "Hi")])


async def test_the_prefix_that_a_block_shares_is_charged_once(model: OllamaModel) -> None:
    """It is estimated from what the requests share, since the server tells no tokens."""
    system = Message("system", "word " * 60)
    block = await model.generate([Generate((system, Message("user", f"{n}")), Sampling(max_tokens=2)) for n in "abc"])
    lengths = [reply.prompt_tokens for reply in block.answers]
    assert min(lengths) * 0.8 < block.prefix_tokens < min(lengths)


async def test_what_is_generated_to_choose_is_told(steered: Callable[..., StandIn], connect: Connect) -> None:
    """One token where labels begin apart; where the model is held to them as many as it writes, at most as told."""
    with steered({"refund-money": 1, "refund-voucher": 4, "other": 2}) as standin:
        model = connect(standin)
        await model.open()
        assert model.limits.writes_choices
        (short,) = (await model.choose([Choose(CHAT, ("other", "refund-money"))])).answers
        options = ("refund-money", "refund-voucher", "other")
        (held,) = (await model.choose([Choose(CHAT, options)])).answers
        assert short.completion_tokens == 1
        assert 1 < held.completion_tokens <= choice_bound(options)


async def test_proxies_do_not_stand_between_us_and_this_machine(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch, connect: Connect
) -> None:
    """A proxy that is set for the web is not asked for loopback."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    model = connect(standin)
    await model.open()
    assert [path for _, path, _ in standin.requests] == ["/api/version", "/api/tags", "/api/show"]
