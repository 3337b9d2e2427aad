"""Results: the same said as text and as data, and never more than an assistant has room for."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mcp import Client
from mcp_types import CallToolResult

from promptbreeder.results import Answered, PromptView, RunReport, Turn
from promptbreeder_tools.call import fitted

pytestmark = pytest.mark.anyio
Text = Callable[[CallToolResult], str]
MAX_RESULT_TOKENS = 2_000
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
        ("run_skill", {"skill": "tickets", "input": "a courier"}),
        ("rollback", {"skill": "tickets", "reason": "worse"}),
    ]
    for tool, arguments in steps:
        result = await client.call_tool(tool, arguments)
        assert not result.is_error, text(result)
        missing = [
            (path, value) for path, value in leaves(result.structured_content) if not is_said(value, text(result))
        ]
        assert missing == [], tool
        assert max(sizes(result)) < MAX_RESULT_TOKENS, tool


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


def test_what_fits_is_left_alone() -> None:
    """To the character."""
    assert fitted(view()) == view()


def test_the_exact_text_of_a_prompt_is_cut_last() -> None:
    """Somebody may take the prompt from the result: what is shown besides gives way to it."""
    text = "t" * 3_500
    long = view(text=text, messages=(Turn(role="system", content="m" * 9_000),), diff="d" * 9_000, parents=(1,))
    shown = fitted(long)
    assert shown.text == text
    assert shown.messages[0].content.endswith("characters more, see the resources]")
    assert len(shown.diff) < 9_000


def test_text_of_several_bytes_a_character_is_counted_in_bytes() -> None:
    """Tokens are nearer to bytes than to characters."""
    answered = Answered(
        call_id="c-1", skill="s", version=1, answer="語" * 4_000, decoding="free", prompt_tokens=1, completion_tokens=1
    )
    assert len(str(fitted(answered)).encode()) < 4 * MAX_RESULT_TOKENS


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
