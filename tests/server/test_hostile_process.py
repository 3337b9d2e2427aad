"""A real server process that is sent megabytes, keys and rubbish: it says no, stays small, and tells no log."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Lines = Any
"""A server as `conftest.py` makes it."""
FIVE_MB = 5_000_000
MAX_GROWTH_MB = 150
CANARY = "sk-" + "A1b2" * 6
SKILL = {"name": "tickets", "description": "d", "prompt": "Name the queue.", "labels": ["billing", "delivery"]}


def peak_mb(server: Lines) -> float:
    """Return the most memory that a process has held."""
    status = Path(f"/proc/{server.process.pid}/status")
    if not status.exists():
        pytest.skip("this system does not tell how much memory a process has held")
    (line,) = [line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def huge(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Return calls with `text` in every place that a text can have."""
    example = {"input": text, "expected": "billing"}
    return [
        *(("define_skill", {**SKILL, name: text}) for name in ("name", "description", "prompt", "variant", "metric")),
        ("define_skill", {**SKILL, "examples": [example]}),
        ("define_skill", {**SKILL, "labels": [text, "b"]}),
        ("define_skill", {**SKILL, "settings": {text: 1}}),
        ("define_skill", {**SKILL, "settings": {"weights": text}}),
        *(("evolve_prompt", {"skill": "tickets", name: text}) for name in ("skill", "strategy", "profile", "run_id")),
        ("evolve_prompt", {"skill": "tickets", "candidates": [text]}),
        ("run_skill", {"skill": "tickets", "input": text}),
        ("get_prompt", {"skill": "tickets", "input": text}),
        ("compare_prompts", {"skill": "tickets", "input": text}),
        ("record_vote", {"duel_id": text, "choice": "A"}),
        ("record_vote", {"duel_id": "d", "choice": "A", "comment": text}),
        ("record_outcome", {"call_id": text, "correct": True}),
        ("get_run", {"run_id": text}),
        ("cancel_run", {"run_id": text}),
        ("promote", {"skill": "tickets", "version": 1, "reason": text}),
        ("rollback", {"skill": "tickets", "reason": text}),
        (text, {}),
    ]


@pytest.mark.parametrize("modern", [False, True])
def test_an_argument_of_five_megabytes_is_refused_with_bounded_memory_and_the_server_lives_on(
    lines: Callable[..., Lines], *, modern: bool
) -> None:
    """In every argument of every tool that takes text, as address and as input of a prompt, one after the other."""
    with lines() as server:
        if not modern:
            server.greet()
        assert not server.call("define_skill", modern=modern, **SKILL)["isError"]
        before = peak_mb(server)
        for tool, arguments in huge("x" * FIVE_MB):
            answer = server.ask("tools/call", {"name": tool, "arguments": arguments}, modern=modern)
            assert "error" in answer or answer["result"]["isError"], list(arguments)
            if tool in {"define_skill", "run_skill"}:
                assert len(server.said[-1]) < 10_000
        for method, params in [
            ("resources/read", {"uri": f"prompt://{'x' * FIVE_MB}/production"}),
            ("prompts/get", {"name": "tickets", "arguments": {"input": "x" * FIVE_MB}}),
            ("prompts/get", {"name": "x" * FIVE_MB, "arguments": {"input": "x"}}),
        ]:
            assert "error" in server.ask(method, params, modern=modern)
        assert peak_mb(server) - before < MAX_GROWTH_MB
        (skill,) = server.call("get_fitness", modern=modern)["structuredContent"]["skills"]
        assert (skill["skill"], skill["versions"]) == ("tickets", 1)
        assert server.end() == 0


@pytest.mark.parametrize("modern", [False, True])
def test_planted_keys_are_not_in_the_log_of_a_server(
    lines: Callable[..., Lines], tmp_path: Path, home: Path, *, modern: bool
) -> None:
    """Not what was accepted, not what was refused, not what was no message at all."""
    with lines() as server:
        if not modern:
            server.greet()
        examples = [{"input": f"{CANARY} {number}", "expected": "billing"} for number in range(40)]
        for tool, arguments in [
            ("define_skill", {**SKILL, "prompt": CANARY, "examples": examples}),
            ("run_skill", {"skill": "tickets", "input": CANARY}),
            ("evolve_prompt", {"skill": "tickets", "budget_tokens": 4_000, "wait_seconds": 0}),
            *huge(CANARY),
            *huge(CANARY * 4_000),
            ("promote", {"skill": CANARY, "version": CANARY, "reason": [CANARY], CANARY: CANARY}),
        ]:
            server.ask("tools/call", {"name": tool, "arguments": arguments}, modern=modern)
        for method, params in [
            ("resources/read", {"uri": f"prompt://{CANARY}/production"}),
            ("resources/read", {"uri": CANARY}),
            ("prompts/get", {"name": CANARY, "arguments": {"input": CANARY}}),
            (CANARY, {"x": CANARY}),
            ("tools/call", {"name": [CANARY]}),
        ]:
            server.ask(method, params, modern=modern)
        for line in (CANARY, f'{{"jsonrpc":"2.0","method":"{CANARY}"', f'["{CANARY}"]', f'{{"key":"{CANARY}"}}'):
            server.write(line.encode())
        # A database that is no database any more: the errors that nobody foresaw.
        (home / "promptbreeder.db").write_bytes(CANARY.encode() * 1_000)
        server.ask(
            "tools/call", {"name": "run_skill", "arguments": {"skill": "tickets", "input": CANARY}}, modern=modern
        )
        server.ask("tools/list", modern=modern)
        assert server.end() == 0
    assert CANARY not in (tmp_path / "stderr").read_text(encoding="utf-8")
