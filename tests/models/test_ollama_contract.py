"""What is relied on of an Ollama server, asked by the real client.

Runs against the stand-in, and against a server too where OLLAMA_CONTRACT_HOST names one that holds
OLLAMA_CONTRACT_MODEL (default smollm2:135m). Only shapes are asserted, nothing that hangs on the weights.
"""

import json
import math
import os
import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import ollama
import pytest

from ollama_standin import StandIn

_SERVER = os.environ.get("OLLAMA_CONTRACT_HOST")
_PATIENCE_SECONDS = 300.0
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Otherwise each client reads all certificates of the machine."""
ASKED = "<|im_start|>user\nName a colour.<|im_end|>\n<|im_start|>assistant\n"
HELD = "smollm2:135m"
"""What the stand-in holds."""
CHAT = [{"role": "user", "content": "Name a colour."}]
GREEDY = {"temperature": 0.0, "top_k": 1, "top_p": 1.0, "seed": 1, "repeat_penalty": 1.0, "num_ctx": 2048}
COUNTS = ("total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration")


@pytest.fixture(params=["the stand-in", *(["a server"] if _SERVER else [])])
def host(request: pytest.FixtureRequest) -> str:
    """Return the address of a server."""
    if request.param == "a server":
        return str(_SERVER)
    standin: StandIn = request.getfixturevalue("standin")
    return standin.host


@pytest.fixture
def model(host: str) -> str:
    """Return the name of a model that the server at `host` holds."""
    return os.environ.get("OLLAMA_CONTRACT_MODEL", HELD) if host == _SERVER else HELD


@pytest.fixture
def client(host: str) -> Iterator[ollama.Client]:
    """Yield the real client."""
    with ollama.Client(host, timeout=_PATIENCE_SECONDS, trust_env=False, verify=_NO_TLS) as made:
        yield made


@pytest.fixture
def http(host: str) -> Iterator[httpx.Client]:
    """Yield a client for what the real one cannot send or does not show."""
    with httpx.Client(base_url=host, timeout=_PATIENCE_SECONDS, trust_env=False, verify=_NO_TLS) as made:
        yield made


def options(**changes: object) -> dict[str, Any]:
    """Return greedy options."""
    return {**GREEDY, "num_predict": 4, **changes}


def raw(model: str, **changes: object) -> dict[str, Any]:
    """Return the body of a request for a few greedy tokens, all at once."""
    return {"model": model, "prompt": ASKED, "raw": True, "stream": False, "options": options(), **changes}


def test_it_says_that_it_runs(http: httpx.Client) -> None:
    """The root is what an Ollama is recognised by."""
    assert http.get("/").text == "Ollama is running"
    assert http.head("/").status_code == 200


def test_it_tells_its_version(http: httpx.Client) -> None:
    """A version is three numbers."""
    assert re.match(r"\d+\.\d+\.\d+", http.get("/api/version").json()["version"])


def test_models_are_listed_with_what_identifies_them(client: ollama.Client, model: str) -> None:
    """The digest tells weights apart, and the details say what they are."""
    (found,) = [listed for listed in client.list().models if listed.model == model]
    assert re.fullmatch(r"[0-9a-f]{64}", found.digest or "")
    assert found.size is not None
    assert found.size > 0
    assert found.modified_at is not None
    assert found.details is not None
    assert found.details.format == "gguf"
    assert all([found.details.family, found.details.parameter_size, found.details.quantization_level])


def test_a_model_is_shown(client: ollama.Client, model: str) -> None:
    """Its template and its length of context can be read."""
    shown = client.show(model)
    assert shown.template
    assert shown.modelinfo is not None
    family = shown.modelinfo["general.architecture"]
    assert shown.modelinfo[f"{family}.context_length"] > 0
    assert "completion" in (shown.capabilities or [])


@pytest.mark.parametrize("stream", [False, True])
def test_a_missing_model_is_a_404_that_names_it(client: ollama.Client, stream: Any) -> None:  # noqa: ANN401  a bool
    """Also where the answer would be a stream, and for all that is asked of a model."""
    name = "there-is-no-such-model:1b"
    for ask in (
        lambda: list(client.generate(name, "Hi", stream=stream)),
        lambda: list(client.chat(name, CHAT, stream=stream)),
        lambda: client.show(name),
        lambda: client.delete(name),
    ):
        with pytest.raises(ollama.ResponseError) as raised:
            ask()
        assert raised.value.status_code == 404
        assert raised.value.error == f"model '{name}' not found"


def test_an_unknown_route_is_a_404_without_json(http: httpx.Client) -> None:
    """So that an old server is not taken for a missing model."""
    answer = http.post("/api/there-is-no-such-route", json={})
    assert (answer.status_code, answer.text) == (404, "404 page not found")
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_request_without_a_body_is_refused(http: httpx.Client) -> None:
    """With a message in JSON."""
    answer = http.post("/api/generate")
    assert (answer.status_code, answer.json()) == (400, {"error": "missing request body"})


def test_a_whole_answer_has_counts_and_durations(http: httpx.Client, model: str) -> None:
    """They are whole numbers; a raw answer has no context."""
    answer = http.post("/api/generate", json=raw(model))
    assert answer.headers["content-type"].startswith("application/json")
    said = answer.json()
    assert (said["model"], said["done"]) == (model, True)
    assert said["done_reason"] in {"stop", "length"}
    assert isinstance(said["response"], str)
    assert datetime.fromisoformat(said["created_at"]).tzinfo is not None
    assert all(isinstance(said[name], int) and said[name] > 0 for name in COUNTS)
    assert said["total_duration"] >= said["prompt_eval_duration"] + said["eval_duration"]
    assert "context" not in said
    assert "logprobs" not in said


def test_a_templated_answer_has_a_context(client: ollama.Client, model: str) -> None:
    """The template adds to the prompt."""
    said = client.generate(model, "Name a colour.", options=options())
    bare = client.generate(model, "Name a colour.", raw=True, options=options())
    assert said.context
    assert all(isinstance(token, int) for token in said.context)
    assert (said.prompt_eval_count or 0) > (bare.prompt_eval_count or 0)


def test_one_token_can_be_asked_for(client: ollama.Client, model: str) -> None:
    """`num_predict: 1` generates one, and says that the length ended it."""
    said = client.generate(model, ASKED, raw=True, options=options(num_predict=1))
    assert (said.eval_count, said.done, said.done_reason) == (1, True, "length")
    assert said.response


def test_no_tokens_cannot_be_asked_for(client: ollama.Client, model: str) -> None:
    """`num_predict: 0` means no limit."""
    said = client.generate(model, ASKED, raw=True, options=options(num_predict=0, stop=[" "]))
    assert said.response


@pytest.mark.parametrize("path", ["/api/generate", "/api/chat"])
def test_a_stream_is_lines_of_json_that_end_with_done(http: httpx.Client, model: str, path: str) -> None:
    """Counts come with the last line only; zero fields are left out of the others."""
    asked = {"prompt": ASKED, "raw": True} if path == "/api/generate" else {"messages": CHAT}
    with http.stream("POST", path, json={"model": model, "options": options(), **asked}) as answer:
        assert answer.headers["content-type"] == "application/x-ndjson"
        lines = [json.loads(line) for line in answer.iter_lines()]
    *chunks, last = lines
    assert chunks
    assert last["done"] is True
    assert last["done_reason"] in {"stop", "length"}
    assert last["eval_count"] >= len(chunks)
    for chunk in chunks:
        assert chunk["done"] is False
        assert {"done_reason", *COUNTS, "logprobs"}.isdisjoint(chunk)
        assert chunk["response"] if path == "/api/generate" else chunk["message"]["content"]


def test_a_chat_is_answered_by_the_assistant(client: ollama.Client, model: str) -> None:
    """As a message."""
    said = client.chat(model, CHAT, options=options())
    assert (said.message.role, said.done) == ("assistant", True)
    assert said.message.content
    assert said.eval_count is not None
    assert said.eval_count <= 4


def test_a_warm_prompt_counts_in_full(client: ollama.Client, model: str) -> None:
    """What the server finds in its cache is not left out of the count."""
    first, second = (client.generate(model, ASKED, raw=True, options=options()) for _ in range(2))
    assert first.prompt_eval_count == second.prompt_eval_count


def test_log_probabilities_have_alternatives(http: httpx.Client, model: str) -> None:
    """One entry a token, with the likeliest tokens in order; the greedy token is the first of them."""
    said = http.post("/api/generate", json=raw(model, logprobs=True, top_logprobs=20)).json()
    assert 1 <= len(said["logprobs"]) <= said["eval_count"]
    for entry in said["logprobs"]:
        tops = [top["logprob"] for top in entry["top_logprobs"]]
        assert len(tops) == 20
        assert tops == sorted(tops, reverse=True)
        assert math.fsum(map(math.exp, tops)) <= 1.001
        assert (entry["token"], entry["logprob"]) == (entry["top_logprobs"][0]["token"], tops[0])
        assert bytes(entry["bytes"]).decode() == entry["token"]
    assert "".join(entry["token"] for entry in said["logprobs"]) == said["response"]


def test_log_probabilities_can_have_no_alternatives(http: httpx.Client, model: str) -> None:
    """Then the field is left out."""
    said = http.post("/api/generate", json=raw(model, logprobs=True)).json()
    assert said["logprobs"]
    assert all("top_logprobs" not in entry and entry["logprob"] <= 0 for entry in said["logprobs"])


def test_no_more_than_twenty_alternatives_can_be_had(http: httpx.Client, model: str) -> None:
    """More are refused."""
    answer = http.post("/api/generate", json=raw(model, logprobs=True, top_logprobs=21))
    assert (answer.status_code, answer.json()) == (400, {"error": "top_logprobs must be between 0 and 20"})


def test_log_probabilities_do_not_depend_on_the_temperature(client: ollama.Client, model: str) -> None:
    """They are the model's own: within what a warm cache changes, the same at any temperature."""
    cold, hot = (
        client.generate(
            model,
            ASKED,
            raw=True,
            logprobs=True,
            top_logprobs=5,
            options=options(num_predict=1, temperature=temperature, top_k=40),
        )
        for temperature in (0.0, 1.5)
    )
    assert cold.logprobs
    assert hot.logprobs
    ours = {top.token: top.logprob for top in cold.logprobs[0].top_logprobs or ()}
    theirs = {top.token: top.logprob for top in hot.logprobs[0].top_logprobs or ()}
    assert len(ours.keys() & theirs.keys()) >= 3
    assert all(ours[token] == pytest.approx(theirs[token], abs=0.35) for token in ours.keys() & theirs.keys())


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_an_enum_constrains_the_answer(client: ollama.Client, model: str, temperature: float) -> None:
    """The answer is one of the strings, quoted."""
    labels = ["billing", "delivery", "technical"]
    said = client.generate(
        model,
        ASKED,
        raw=True,
        format={"type": "string", "enum": labels},
        options=options(num_predict=32, temperature=temperature, top_k=40),
    )
    assert json.loads(said.response or "") in labels
    assert said.done_reason == "stop"


def test_a_stop_string_ends_the_answer_and_is_not_part_of_it(client: ollama.Client, model: str) -> None:
    """The answer ends before it."""
    whole = client.generate(model, ASKED, raw=True, options=options(num_predict=8)).response or ""
    stop = whole[len(whole) // 2 :][:3]
    cut = client.generate(model, ASKED, raw=True, options=options(num_predict=8, stop=[stop]))
    assert stop not in (cut.response or "")
    assert (cut.done, cut.done_reason) == (True, "stop")


def test_a_prompt_that_is_too_long_is_cut_unless_that_is_forbidden(http: httpx.Client, model: str) -> None:
    """Cut, it is shorter than the context and nobody is told; otherwise it is refused with both lengths."""
    long = raw(model, prompt="word " * 3000, options=options(num_ctx=512))
    cut = http.post("/api/generate", json=long)
    assert cut.status_code == 200
    assert cut.json()["prompt_eval_count"] < 512
    refused = http.post("/api/generate", json={**long, "truncate": False})
    assert refused.status_code == 400
    assert len(re.findall(r"\d{3,} tokens", refused.json()["error"])) == 2
    streamed = http.post("/api/generate", json={**long, "truncate": False, "stream": True})
    assert (streamed.status_code, streamed.json()) == (400, refused.json())


def test_raw_prompts_have_no_system_text(client: ollama.Client, model: str) -> None:
    """Both together are refused."""
    with pytest.raises(ollama.ResponseError, match="raw mode does not support") as raised:
        client.generate(model, ASKED, raw=True, system="Be brief.")
    assert raised.value.status_code == 400


def test_an_option_of_a_wrong_type_is_refused(client: ollama.Client, model: str) -> None:
    """With its name."""
    with pytest.raises(ollama.ResponseError, match='"num_predict" must be of type integer'):
        client.generate(model, ASKED, raw=True, options={"num_predict": "many"})


def test_a_loaded_model_is_in_the_list_of_processes(client: ollama.Client, model: str) -> None:
    """With the digest of the list of models, its context and the time until it is unloaded."""
    client.generate(model, ASKED, raw=True, options=options(), keep_alive="10m")
    (running,) = [each for each in client.ps().models if each.model == model]
    (listed,) = [each for each in client.list().models if each.model == model]
    assert running.digest == listed.digest
    assert running.context_length == GREEDY["num_ctx"]
    assert running.expires_at is not None
    assert running.expires_at > datetime.now(UTC)


def test_a_model_can_be_loaded_and_unloaded(client: ollama.Client, model: str) -> None:
    """By a request without a prompt."""
    assert client.generate(model, "", options=options()).done_reason == "load"
    assert client.generate(model, "", keep_alive=0).done_reason == "unload"


def test_a_blob_can_be_asked_for(http: httpx.Client) -> None:
    """It is not there, or its digest is none."""
    assert http.head(f"/api/blobs/sha256:{'0' * 64}").status_code == 404
    assert http.head("/api/blobs/sha256:0").status_code == 400


def test_a_model_without_a_tag_is_the_latest(client: ollama.Client, model: str) -> None:
    """One is made of another one, used, and deleted."""
    name = "promptbreeder-contract"
    try:
        statuses = [progress.status for progress in client.create(name, from_=model, system="Be brief.", stream=True)]
        assert statuses[-1] == "success"
        assert f"{name}:latest" in [each.model for each in client.list().models]
        assert client.generate(name, "Name a colour.", options=options()).done
    finally:
        client.delete(name)
    assert f"{name}:latest" not in [each.model for each in client.list().models]
