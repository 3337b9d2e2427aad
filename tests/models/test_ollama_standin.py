"""The stand-in for Ollama itself: what goes wrong on demand, and what tests are told of it."""

import json
import math
import ssl
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import ollama
import pytest

from ollama_standin import Piece, ScriptedBrain, StandIn
from ollama_standin.templates import SMOLLM2_SYSTEM

MODEL = "smollm2:135m"
OTHER = "smollm2:360m"
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
Connect = Callable[[StandIn], ollama.Client]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Yield a maker of clients that give up after half a minute."""
    made: list[ollama.Client] = []

    def make(standin: StandIn) -> ollama.Client:
        made.append(ollama.Client(standin.host, timeout=30, trust_env=False, verify=_NO_TLS))
        return made[-1]

    yield make
    for client in made:
        client.close()  # type: ignore[no-untyped-call]  # it is not annotated


@pytest.fixture
def client(standin: StandIn, connect: Connect) -> ollama.Client:
    """Return a client of the stand-in."""
    return connect(standin)


class Chatterbox(ScriptedBrain):
    """Never ends, and remembers whether it was stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped = threading.Event()

    def complete(self, *_: object, **__: object) -> Generator[Piece]:
        """Say tick, tock."""
        try:
            while True:
                yield Piece(" tick", -1.0)
                yield Piece(" tock", -1.0)
        finally:
            self.stopped.set()


class Listener(ScriptedBrain):
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(self.hear)

    def hear(self, prompt: str) -> str:
        """Agree."""
        self.asked.append(prompt)
        return "Yes."


def test_a_dropped_connection_is_answered_the_next_time(standin: StandIn, client: ollama.Client) -> None:
    """As often as the fault says, and only where it is meant to."""
    standin.faults.drop = 2
    assert client.list().models
    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError):
            client.generate(MODEL, "Hi")
    assert client.generate(MODEL, "Hi").done


def test_a_busy_server_says_so(standin: StandIn, client: ollama.Client) -> None:
    """With status 503, and is free the next time."""
    standin.faults.busy = 1
    with pytest.raises(ollama.ResponseError, match="server busy") as raised:
        client.chat(MODEL, [{"role": "user", "content": "Hi"}])
    assert raised.value.status_code == 503
    assert client.generate(MODEL, "Hi").done


def test_a_proxy_answers_with_a_page(standin: StandIn, client: ollama.Client) -> None:
    """On any path, if the test says so."""
    standin.faults.html, standin.faults.paths = 1, None
    with pytest.raises(json.JSONDecodeError):
        client.list()
    assert client.list().models


def test_an_error_can_come_in_a_stream_that_began_well(standin: StandIn, client: ollama.Client) -> None:
    """The client has no status for it; one that does not stream gets 500."""
    standin.faults.error_mid_stream = 2
    chunks = iter(client.generate(MODEL, "Hi", stream=True))
    assert next(chunks).response
    with pytest.raises(ollama.ResponseError) as raised:
        next(chunks)
    assert raised.value.status_code == -1
    with pytest.raises(ollama.ResponseError) as raised:
        client.generate(MODEL, "Hi")
    assert raised.value.status_code == 500


def test_an_answer_can_lack_its_end(standin: StandIn, client: ollama.Client) -> None:
    """Streamed or whole, it is never `done`, and has no counts."""
    standin.faults.no_done = 2
    assert not any(chunk.done for chunk in client.generate(MODEL, "Hi", stream=True))
    whole = client.generate(MODEL, "Hi")
    assert (whole.response, whole.done, whole.eval_count) == ("This is a short answer.", False, None)


def test_the_repetition_guard_breaks_off(connect: Connect) -> None:
    """After thirty repetitions of a chunk, without an end."""
    with StandIn(ScriptedBrain(lambda _: " no" * 100)) as standin:
        said = connect(standin).generate(MODEL, "Yes?", options={"temperature": 0})
    assert not said.done
    assert said.response == " no" * 31


def test_nothing_is_computed_for_a_client_that_has_gone(connect: Connect) -> None:
    """In the middle of a stream the brain is stopped, and the slot is free for the next."""
    with StandIn(brain := Chatterbox(), models=()) as standin:
        standin.add_model(MODEL, context_length=1_000_000)
        client = connect(standin)
        chunks = client.generate(MODEL, "Go on", stream=True, options={"num_ctx": 1_000_000})
        assert next(chunks).response
        assert isinstance(chunks, Generator)
        chunks.close()
        standin.wait_until(lambda: standin.aborted == 1)
        assert brain.stopped.wait(30)
        assert client.generate(MODEL, "Go on", options={"num_ctx": 1_000_000, "num_predict": 2}).done


def test_whoever_waits_for_a_whole_answer_can_go_too(standin: StandIn, client: ollama.Client) -> None:
    """The answer is given up at once, not when it would be ready."""
    standin.faults.hold = threading.Event()
    body = {"model": MODEL, "prompt": "Hi", "stream": False}
    with (
        httpx.Client(base_url=standin.host, trust_env=False, verify=_NO_TLS) as http,
        pytest.raises(httpx.ReadTimeout),
    ):
        http.post("/api/generate", json=body, timeout=0.1)
    standin.wait_until(lambda: standin.aborted == 1)
    assert standin.held == 0
    standin.faults.hold = None
    assert client.generate(MODEL, "Hi").done


def test_a_held_answer_comes_when_it_is_released(standin: StandIn, client: ollama.Client) -> None:
    """Whoever tests deadlines need not sleep."""
    standin.faults.hold = threading.Event()
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(client.generate, MODEL, "Hi")
        standin.wait_until(lambda: standin.held == 1)
        assert not answer.done()
        standin.faults.hold.set()
        assert answer.result().done


def test_requests_wait_for_a_slot_and_the_queue_has_an_end(connect: Connect) -> None:
    """One computes, one waits, one is refused; the total of the one that waited includes it."""
    with StandIn(ScriptedBrain(), slots=1, queue=1) as standin, ThreadPoolExecutor() as pool:
        client = connect(standin)
        standin.faults.hold = threading.Event()
        first = pool.submit(client.generate, MODEL, "Hi")
        standin.wait_until(lambda: standin.held == 1)
        second = pool.submit(client.generate, MODEL, "Hi")
        standin.wait_until(lambda: standin.waiting == 1)
        with pytest.raises(ollama.ResponseError, match="maximum pending requests exceeded") as raised:
            client.generate(MODEL, "Hi")
        assert raised.value.status_code == 503
        standin.faults.hold.set()
        assert first.result().done
        said = second.result()
        parts = (said.load_duration or 0) + (said.prompt_eval_duration or 0) + (said.eval_duration or 0)
        assert (said.total_duration or 0) > parts


def test_several_slots_compute_at_once(connect: Connect) -> None:
    """As OLLAMA_NUM_PARALLEL allows."""
    with StandIn(ScriptedBrain(), slots=2) as standin, ThreadPoolExecutor() as pool:
        client = connect(standin)
        standin.faults.hold = threading.Event()
        answers = [pool.submit(client.generate, MODEL, "Hi") for _ in range(2)]
        standin.wait_until(lambda: standin.held == 2)
        standin.faults.hold.set()
        assert all(answer.result().done for answer in answers)


def test_a_crashed_server_refuses_connections_until_it_is_revived(standin: StandIn, client: ollama.Client) -> None:
    """The answer that it was asked for never comes; then it listens at the same address."""
    standin.faults.crash = True
    with pytest.raises(httpx.TransportError):
        client.generate(MODEL, "Hi")
    with pytest.raises(ConnectionError):
        client.generate(MODEL, "Hi")
    with pytest.raises(httpx.ConnectError):
        list(client.generate(MODEL, "Hi", stream=True))
    standin.revive()
    assert client.generate(MODEL, "Hi").done
    assert standin.loads == 1


def test_a_load_time_option_loads_the_model_again(standin: StandIn, client: ollama.Client) -> None:
    """Others do not; nor does the same value; being unloaded does."""
    loads = []
    for options in (
        {"num_ctx": 512},
        {"num_ctx": 512, "seed": 3},
        {"num_ctx": 1024},
        {"num_ctx": 1024, "num_thread": 1},
    ):
        client.generate(MODEL, "Hi", options=options)
        loads.append(standin.loads)
    assert loads == [1, 1, 2, 3]
    client.generate(MODEL, "Hi", options=options, keep_alive=0)
    assert client.ps().models == []
    said = client.generate(MODEL, "Hi", options=options)
    assert standin.loads == 4
    assert (said.load_duration or 0) > 100_000_000


def test_a_warm_prefix_is_read_fast_and_counted_in_full(client: ollama.Client) -> None:
    """The duration shrinks, the count does not."""
    cold, warm = (client.generate(MODEL, f"word {'same ' * 50}{end}", raw=True) for end in "ab")
    assert cold.prompt_eval_count == warm.prompt_eval_count
    assert (warm.prompt_eval_duration or 0) < (cold.prompt_eval_duration or 0) / 10


def test_whoever_forgets_raw_gets_another_prompt(connect: Connect) -> None:
    """A system text that nobody gave, in a turn that stays open."""
    brain = Listener()
    with StandIn(brain) as standin:
        client = connect(standin)
        client.generate(MODEL, "Hi", raw=True)
        client.generate(MODEL, "Hi")
        client.chat(MODEL, [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}])
    bare, templated, chat = brain.asked
    assert bare == "Hi"
    turns = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert templated == f"<|im_start|>system\n{SMOLLM2_SYSTEM}\n{turns}"
    assert chat == f"<|im_start|>system\nBe brief.\n{turns}"


def test_a_prompt_is_cut_from_the_front(connect: Connect) -> None:
    """Four tokens of its beginning stay, the rest is its end."""
    brain = Listener()
    with StandIn(brain) as standin:
        text = "".join(f" {number}" for number in range(100))
        said = connect(standin).generate(MODEL, text, raw=True, options={"num_ctx": 64})
    (asked,) = brain.asked
    assert asked.startswith(" 0 1 2 3 70 71")
    assert asked.endswith(" 98 99")
    assert said.prompt_eval_count == len(asked.split())


def test_old_versions_know_nothing_of_log_probabilities(standin: StandIn, client: ollama.Client) -> None:
    """They ignore the fields."""
    standin.version = "0.12.10"
    assert client.generate(MODEL, "Hi", logprobs=True, top_logprobs=3).logprobs is None
    standin.version = "0.12.11"
    assert client.generate(MODEL, "Hi", logprobs=True, top_logprobs=3).logprobs


def test_labels_steer_the_first_token(connect: Connect) -> None:
    """Labels share what they begin with, and the likeliest one is said, quoted if it is from an enum."""
    weights = {"no way": 0.3, "no": 0.2, "yes": 0.5}
    with StandIn(ScriptedBrain(labels=lambda prompt: weights if "?" in prompt else {"yes": 1.0})) as standin:
        client = connect(standin)
        said = client.generate(MODEL, "Yes?", raw=True, logprobs=True, top_logprobs=5, options={"temperature": 0})
        enum = {"type": "string", "enum": ["no", "no way"]}
        quoted = client.generate(MODEL, "Yes?", raw=True, format=enum)
        other = client.generate(MODEL, "Yes!", raw=True, options={"temperature": 0})
    assert said.logprobs
    tops = {top.token: math.exp(top.logprob) for top in said.logprobs[0].top_logprobs or ()}
    assert tops["yes"] == pytest.approx(tops["no"])
    assert (said.response, quoted.response, other.response) == ("yes", '"no way"', "yes")


def test_a_model_is_made_of_an_uploaded_file(connect: Connect, tmp_path: Path) -> None:
    """It applies its own template, system text and history."""
    weights = tmp_path / "model.gguf"
    weights.write_bytes(b"GGUF and so on")
    brain = Listener()
    with StandIn(brain) as standin:
        client = connect(standin)
        blob = client.create_blob(weights)
        history = [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "Two."}]
        template = "{{ if .System }}[{{ .System }}]{{ end }}{{ range .Messages }}({{ .Role }}: {{ .Content }}){{ end }}"
        client.create("mine", files={"m.gguf": blob}, template=template, system="Be brief.", messages=history)
        client.create("plain", files={"m.gguf": blob})
        chat = client.chat("mine", [{"role": "user", "content": "Three?"}])
        client.generate("mine", "Three?")
        client.generate("plain", "Three?")
        assert {model.model for model in client.list().models} == {MODEL, "mine:latest", "plain:latest"}
    assert chat.message.content == "Yes."
    expected = "[Be brief.](system: Be brief.)(user: One?)(assistant: Two.)(user: Three?)"
    assert brain.asked[:2] == [expected, expected]
    assert brain.asked[2] == (
        f"<|im_start|>system\n{SMOLLM2_SYSTEM}<|im_end|>\n<|im_start|>user\nThree?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_template_without_messages_is_applied_turn_by_turn(connect: Connect) -> None:
    """As older models have it; the last turn ends where the response begins."""
    brain = Listener()
    template = "{{ if .System }}[{{ .System }}]{{ end }}{{ .Prompt }}>{{ .Response }}|"
    messages = [{"role": role, "content": role[0]} for role in ("system", "user", "assistant", "user")]
    with StandIn(brain) as standin:
        client = connect(standin)
        client.create("old", from_=MODEL, template=template)
        client.chat("old", messages)
    assert brain.asked == ["[s]u>a|u>"]


def test_a_model_cannot_be_made_of_what_is_not_there(client: ollama.Client) -> None:
    """Of a blob that was not uploaded, of nothing, or with a template that makes no sense."""
    refused: list[tuple[dict[str, Any], int]] = [
        ({"files": {"m.gguf": f"sha256:{'0' * 64}"}}, 500),
        ({}, 400),
        ({"from_": MODEL, "template": "{{ if .System }}"}, 400),
    ]
    for wrong, status in refused:
        with pytest.raises(ollama.ResponseError) as raised:
            client.create("mine", **wrong)
        assert raised.value.status_code == status


def test_a_pull_goes_on_where_it_was_broken_off(standin: StandIn, client: ollama.Client) -> None:
    """By a failure, or by a client that closed."""
    standin.faults.pull_failures = 1
    with pytest.raises(ollama.ResponseError, match="max retries exceeded"):
        list(client.pull(OTHER, stream=True))
    assert OTHER not in [model.model for model in client.list().models]
    standin.faults.pull_hold = threading.Event()
    lines = client.pull(OTHER, stream=True)
    assert [next(iter(lines)).status] == ["pulling manifest"]
    assert isinstance(lines, Generator)
    lines.close()
    standin.faults.pull_hold = None
    progress = list(client.pull(OTHER, stream=True))
    assert [line.completed or 0 for line in progress if line.total][0] > 0  # noqa: RUF015 - the first of several
    statuses = [line.status for line in progress]
    assert statuses[-3:] == ["verifying sha256 digest", "writing manifest", "success"]
    assert OTHER in [model.model for model in client.list().models]


def test_what_the_registry_has_not_cannot_be_pulled(client: ollama.Client) -> None:
    """The error comes in the stream, or with status 500."""
    lines = client.pull("smollm2:9b", stream=True)
    assert next(lines).status == "pulling manifest"
    with pytest.raises(ollama.ResponseError, match="pull model manifest: file does not exist") as raised:
        next(lines)
    assert raised.value.status_code == -1
    with pytest.raises(ollama.ResponseError, match="pull model manifest: file does not exist") as raised:
        client.pull("smollm2:9b")
    assert raised.value.status_code == 500


def test_a_model_can_change_under_its_name(standin: StandIn, client: ollama.Client) -> None:
    """Another digest is listed, and the new weights are loaded; removed, it is missing."""
    client.generate(MODEL, "Hi")
    standin.add_model(MODEL, digest="f" * 64)
    assert [model.digest for model in client.list().models] == ["f" * 64]
    client.generate(MODEL, "Hi")
    assert standin.loads == 2
    standin.remove_model(MODEL)
    with pytest.raises(ollama.ResponseError, match="not found"):
        client.generate(MODEL, "Hi")


def test_requests_are_kept_in_order(standin: StandIn, client: ollama.Client) -> None:
    """With what was sent."""
    client.list()
    client.generate(MODEL, "Hi", keep_alive="10m")
    (listing, asking) = standin.requests
    assert listing == ("GET", "/api/tags", None)
    assert asking[:2] == ("POST", "/api/generate")
    assert asking[2]["keep_alive"] == "10m"


def test_sampling_is_decided_by_the_seed(client: ollama.Client) -> None:
    """The same seed says the same, and not all seeds do."""

    def say(seed: int) -> str | None:
        return client.generate(MODEL, "Hi", options={"temperature": 2.0, "top_p": 1.0, "seed": seed}).response

    said = [say(seed) for seed in range(8)]
    assert [say(seed) for seed in range(8)] == said
    assert len(set(said)) > 1


def test_the_real_weights_can_stand_behind_it(real_standin: StandIn, connect: Connect) -> None:
    """A greedy token is the likeliest of the model's own distribution, and an enum is kept to."""
    client = connect(real_standin)
    asked = "<|im_start|>user\nIs fire hot or cold? Say one word.<|im_end|>\n<|im_start|>assistant\n"
    options = {"temperature": 0, "num_predict": 2}
    said = client.generate(MODEL, asked, raw=True, logprobs=True, top_logprobs=20, options=options)
    assert said.logprobs
    first = said.logprobs[0]
    likeliest = first.top_logprobs or []
    assert len(likeliest) == 20
    assert (first.token, first.logprob) == (likeliest[0].token, likeliest[0].logprob)
    enum = {"type": "string", "enum": ["hot", "cold"]}
    options = {"temperature": 0, "num_predict": 16}
    assert (
        json.loads(client.generate(MODEL, asked, raw=True, format=enum, options=options).response or "") in enum["enum"]
    )
    assert real_standin.loads == 1


def test_the_real_tokenizer_counts(real_standin: StandIn, connect: Connect) -> None:
    """Control tokens are one each; nothing remains of the test before."""
    assert real_standin.requests == []
    said = connect(real_standin).generate(MODEL, "<|im_start|>user\n", raw=True, options={"num_predict": 1})
    assert said.prompt_eval_count == 3
