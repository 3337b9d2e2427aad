"""Results: the same said as text and as data, and never more than an assistant has room for."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mcp import Client
from mcp_types import CallToolResult

from promptbreeder.results import Answered, PromptView, RunReport, Turn
from promptbreeder_tools.fitting import fitted

pytestmark = pytest.mark.anyio
Text = Callable[[CallToolResult], str]
MAX_RESULT_TOKENS = 2_000
SAID = (("user", "Where is parcel number"), ("assistant", "delivery"))
PAIR = {
    "description": "d",
    "prompt": "One way.",
    "variant": "Another way.",
    "examples": [{"input": "a", "expected": "x"}, {"input": "A", "expected": "x"}],
}
SMALL = {"skill": "tickets", "generations": 2, "population": 6, "budget_tokens": 60_000, "wait_seconds": 300}


def sizes(result: CallToolResult) -> tuple[float, float]:
    """Return the tokens of the text and of the data, at four bytes each."""
    data = json.dumps(result.structured_content, ensure_ascii=False, separators=(",", ":"))
    texts = "".join(getattr(block, "text", "") for block in result.content)
    return len(texts.encode()) / 4, len(data.encode()) / 4


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Yield every value in a result's data that says something, with its path."""
    if isinstance(value, dict):
        for name, entry in value.items():
            yield from leaves(entry, f"{path}.{name}")
    elif isinstance(value, list):
        for entry in value:
            yield from leaves(entry, path)
    elif value not in (None, "", False, True):
        yield path, value


def is_said(value: Any, text: str) -> bool:  # noqa: ANN401
    """Tell whether a text mentions a value; numbers also rounded, as people read them."""
    if isinstance(value, str):
        return value in text or repr(value) in text
    forms = {str(value), f"{value:,}", f"{value:.2f}", f"{value:.3f}", f"{value:.0f}", f"{value:.3g}"}
    return any(re.search(rf"(?<![\d.]){re.escape(form)}(?!\d)", text) for form in forms)


async def test_every_result_says_the_same_as_text_and_as_data(client: Client, text: Text) -> None:
    """Some clients give the model only one of the two; nothing is said in the one alone."""
    steps: list[tuple[str, dict[str, Any]]] = [
        ("define_skill", {"name": "tickets", "description": "Route.", "prompt": "Which queue?", "examples": []}),
        ("define_skill", {**PAIR, "name": "pair"}),
        ("define_skill", {**PAIR, "name": "pair", "examples": [{"input": "a", "expected": "y"}]}),
        ("evolve_prompt", SMALL),
        ("get_fitness", {}),
        ("get_fitness", {"skill": "tickets", "version": 3}),
        ("compare_prompts", {"skill": "tickets", "a": 1, "b": 3}),
        ("get_prompt", {"skill": "tickets", "version": 3}),
        ("promote", {"skill": "tickets", "version": 3, "reason": "better"}),
        ("evolve_prompt", {**SMALL, "seed": 2}),
        ("run_skill", {"skill": "tickets", "input": "a courier"}),
        ("rollback", {"skill": "tickets", "reason": "worse"}),
    ]
    retries = 0
    for tool, arguments in steps:
        result = await client.call_tool(tool, arguments)
        assert not result.is_error, text(result)
        missing = [
            (path, value) for path, value in leaves(result.structured_content) if not is_said(value, text(result))
        ]
        assert missing == [], tool
        assert max(sizes(result)) < MAX_RESULT_TOKENS, tool
        retries += bool((result.structured_content or {}).get("retry"))
    assert retries == 1, "a run that found nothing is among them"


async def test_define_skill_says_what_it_did(client: Client, call: Callable[..., Any], text: Text) -> None:
    """Created or extended, the versions, and of the examples what became of each."""
    created = await call(client, "define_skill", name="pair", **PAIR)
    assert (created["outcome"], created["version"], created["variant"], created["production"]) == ("created", 1, 2, 1)
    assert created["uris"] == ["prompt://pair/versions/1", "prompt://pair/versions/2"]
    assert (created["added"], created["duplicates"], created["contradictions"]) == (1, 1, 0)
    against = {**PAIR, "examples": [{"input": "a", "expected": "y"}, {"input": "b", "expected": "y"}]}
    extended = await call(client, "define_skill", name="pair", **against)
    assert (extended["outcome"], extended["added"]) == ("extended", 1)
    assert (extended["duplicates"], extended["contradictions"]) == (1, 1)
    assert sum(extended["examples"].values()) == 2
    assert "'a' is stored with 'x' and was given again with 'y'; kept the first" in extended["warnings"]
    again = await client.call_tool("define_skill", {"name": "pair", **PAIR})
    assert "Skill 'pair' unchanged on scripted: versions 1 and 2 (production: 1)" in text(again)
    same = await client.call_tool("define_skill", {"name": "other", **PAIR, "variant": "One  way."})
    assert same.is_error
    assert "the same text" in text(same)


async def test_results_stay_small_whatever_was_stored(client: Client, call: Callable[..., Any], text: Text) -> None:
    """Prompts, inputs and labels at their limits are cut where they are shown, and said to be cut."""
    long = {
        "description": "é" * 2_000,
        "prompt": "Long. " + "ü" * 7_990,
        "labels": [f"{n}" * 100 for n in range(10, 60)],
    }
    examples = [{"input": f"{number} " + "ö" * 15_000, "expected": long["labels"][number % 50]} for number in range(60)]
    for number in range(20):
        given = {**long, "name": f"long-{number}", "examples": examples[:10]}
        await call(client, "define_skill", **given)
    second = {**long, "name": "long-0", "prompt": "Other. " + "x" * 7_990}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("define_skill", second),
        ("get_fitness", {}),
        ("get_fitness", {"skill": "long-0"}),
        ("get_prompt", {"skill": "long-0"}),
        ("get_prompt", {"skill": "long-0", "version": 2, "input": "y" * 16_000}),
        ("run_skill", {"skill": "long-0", "input": "z" * 3_000}),
        ("compare_prompts", {"skill": "long-0", "input": "z" * 16_000}),
        ("promote", {"skill": "long-0", "version": 2, "reason": "r" * 2_000, "force": True}),
        ("rollback", {"skill": "long-0", "reason": "r" * 2_000}),
        ("evolve_prompt", {"skill": "tickets", "candidates": ["c" * 7_900], "budget_tokens": 60_000, "generations": 1}),
    ]
    for tool, arguments in calls:
        result = await client.call_tool(tool, arguments)
        assert not result.is_error, text(result)
        assert max(sizes(result)) < MAX_RESULT_TOKENS, tool
    skills = await client.call_tool("get_fitness", {})
    assert skills.structured_content is not None
    assert len(skills.structured_content["skills"]) + skills.structured_content["more"] == 21
    assert "more: get_fitness(skill=...)" in text(skills)
    prompt = await call(client, "get_prompt", skill="long-0")
    assert re.search(r" \[\.\.\. [\d,]+ characters more, see the resources\]$", prompt["text"])


def view(**changes: Any) -> PromptView:  # noqa: ANN401
    """Return a prompt as it is shown."""
    fields = {
        "skill": "s",
        "version": 1,
        "production": True,
        "text": "Do it.",
        "messages": (Turn(role="system", content="Do it."),),
        "content_hash": "0" * 64,
        "decoding": "free",
        "labels": (),
        "demonstrations": 0,
        "origin": "human",
        "operator": "hand-written",
        "parents": (),
        "run_id": None,
        "created_at": "2026-01-01T00:00:00Z",
        "uri": "prompt://s/versions/1",
    }
    return PromptView.model_validate({**fields, **changes})


def answered(**changes: Any) -> Answered:  # noqa: ANN401
    """Return an answer as it is shown."""
    fields = {"call_id": "c-1", "skill": "s", "version": 1, "decoding": "free"}
    return Answered.model_validate({**fields, "prompt_tokens": 1, "completion_tokens": 1, **changes})


def test_what_fits_is_left_alone() -> None:
    """To the character."""
    assert fitted(view()) == view()


def test_the_exact_text_of_a_prompt_is_cut_last() -> None:
    """Somebody may take the prompt from the result: what is shown besides gives way to it."""
    text = "t" * 3_500
    turns = (Turn(role="system", content="m" * 9_000),)
    long = view(text=text, second_instruction="So: " * 300, messages=turns, diff="d" * 9_000, parents=(1,))
    shown = fitted(long)
    assert (shown.text, shown.second_instruction) == (text, "So: " * 300)
    assert shown.messages[0].content.endswith("characters more, see the resources]")
    assert len(shown.diff) < 9_000


async def test_labels_are_named_whole_and_the_least_likely_are_left_out(
    client: Client, call: Callable[..., Any]
) -> None:
    """A label that is cut names nothing, and two that are cut may be one; the answer and its score stay."""
    labels = [f"The department that answers questions about orders, {'very ' * 25}number {n}" for n in range(64)]
    given = {"description": "d", "prompt": "Choose.", "settings": {"allowed_decoding": ["constrained"]}}
    await call(client, "define_skill", name="departments", examples=[], labels=labels, **given)
    result = await client.call_tool("run_skill", {"skill": "departments", "input": "Where is it?"})
    answered, (text_size, data_size) = result.structured_content, sizes(result)
    assert answered is not None
    assert answered["answer"] in labels
    scores = answered["label_logprobs"]
    assert set(scores) < set(labels)
    assert len(scores) + answered["labels_left_out"] == 64
    # The scripted model likes the labels in their order.
    assert list(scores) == labels[: len(scores)]
    assert len(scores) > 30
    assert max(text_size, data_size) < MAX_RESULT_TOKENS


def test_the_score_of_the_answer_is_shown_however_unlikely_it_is() -> None:
    """Calibrated, the answer may be a label that the model does not like."""
    scores = {f"{n} " + "x" * 190: -float(n) for n in range(64)}
    answer = min(scores, key=lambda label: scores[label])
    shown = fitted(answered(answer=answer, label_logprobs=scores))
    assert shown.answer == answer
    assert list(shown.label_logprobs or ()) == [*list(scores)[: 63 - shown.labels_left_out], answer]
    assert f"({shown.labels_left_out} less likely labels left out)" in str(shown)


def test_an_answer_is_left_as_it_is_where_something_else_can_be_cut() -> None:
    """Whoever asked wants it whole."""
    answer = "a" * 7_000
    shown = fitted(answered(answer=answer, notice="n" * 3_000))
    assert shown.answer == answer
    assert (shown.notice or "").endswith("characters more, see the resources]")


def test_of_many_short_turns_the_middle_is_left_out() -> None:
    """The instruction, the first and the last demonstrations and the input stay whole, and it is said what is gone."""
    shots = [Turn(role=role, content=f"{said} {n}") for n in range(100) for role, said in SAID]
    turns = (Turn(role="system", content="Sort."), *shots, Turn(role="user", content="{{input}}"))
    shown = fitted(view(messages=turns, labels=tuple(f"label {n} {'long ' * 38}" for n in range(64))))
    data = json.dumps(shown.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
    assert max(len(data.encode()), len(str(shown).encode())) < 4 * MAX_RESULT_TOKENS
    assert (shown.messages[0], shown.messages[-1]) == (turns[0], turns[-1])
    (place,) = (n for n, turn in enumerate(shown.messages) if turn.role == "note")
    kept = (*shown.messages[:place], *shown.messages[place + 1 :])
    assert set(kept) < set(turns)
    assert shown.messages[place].content == f"[... {len(turns) - len(kept)} turns left out, see the resources]"
    assert shown.messages[place - 1].role == "assistant"
    assert shown.messages[place + 1].role == "user"
    assert len(shown.labels) < 64
    assert any("left out, see the resources" in label for label in shown.labels)


def test_a_prompt_with_everything_at_its_limit_still_fits() -> None:
    """Of characters that take four bytes, each."""
    long = "\N{GRINNING FACE}" * 8_000
    turns = [Turn(role=role, content=long) for _ in range(20) for role, _ in SAID]
    labels, flags = (f"{n} {long[:197]}" for n in range(64)), (long[:100] for _ in range(10))
    shown = fitted(
        view(
            text=long,
            second_instruction=long,
            messages=turns,
            labels=tuple(labels),
            flags=tuple(flags),
            parents=(1,),
            diff=long,
            notice=long,
        )
    )
    data = json.dumps(shown.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
    assert max(len(data.encode()), len(str(shown).encode())) < 4 * MAX_RESULT_TOKENS


def test_text_of_several_bytes_a_character_is_counted_in_bytes() -> None:
    """Tokens are nearer to bytes than to characters."""
    assert len(str(fitted(answered(answer="語" * 4_000))).encode()) < 4 * MAX_RESULT_TOKENS


def test_a_run_with_a_long_prompt_and_a_long_verdict_still_fits() -> None:
    """The best prompt of a run is shown in full where there is room."""
    report = RunReport(
        run_id="r-1",
        skill="s",
        status="failed",
        strategy="promptbreeder",
        generation=1,
        generations=1,
        best=None,
        baseline=None,
        version=None,
        verdict="v" * 20_000,
        calls=0,
        tokens=0,
        budget_tokens=0,
        prompt_tokens=0,
        completion_tokens=0,
        cache_hits=0,
        seconds=0,
        eta_seconds=None,
        next_step="n",
    )
    assert len(str(fitted(report)).encode()) < 4 * MAX_RESULT_TOKENS
