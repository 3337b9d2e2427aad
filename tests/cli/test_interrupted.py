"""Ctrl-C at moments that a test of a real process would have to guess."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import anyio.from_thread
import pytest
from click.testing import Result

from promptbreeder.store import skills
from promptbreeder_server.commands import session
from promptbreeder_server.main import main


def test_what_was_stored_in_spite_of_ctrl_c_is_told(
    run: Callable[..., Result], told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that was begun is ended, and who believed it was not would do it again."""
    told_to_stop: list[Callable[[], None]] = []
    add = skills.add

    async def listen(stop: Callable[[], None]) -> None:
        told_to_stop.append(stop)

    def interrupted(*arguments: Any, **named: Any) -> None:  # noqa: ANN401
        anyio.from_thread.run_sync(told_to_stop[-1])
        add(*arguments, **named)

    monkeypatch.setattr(session, "stop_on_signal", listen)
    monkeypatch.setattr(skills, "add", interrupted)
    assert run("create", "new", "--prompt", "p").stdout.startswith("Skill 'new' created")
    assert [line["skill"] for line in told("skills")] == ["new"]


@pytest.mark.parametrize("arguments", [["skills"], []])
def test_ctrl_c_while_modules_are_loaded_ends_the_process_silently(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """With the status of an interrupted program; for the server too."""

    class _Loading(ModuleType):
        def __getattr__(self, name: str) -> object:
            raise KeyboardInterrupt if name in {"cli", "serve"} else AttributeError

    for name in ("commands", "stdio"):
        monkeypatch.setitem(sys.modules, f"promptbreeder_server.{name}", _Loading(name))
    monkeypatch.setattr(sys, "argv", ["promptbreeder-mcp", *arguments])
    # An interrupt that comes through would end the tests.
    with pytest.raises((SystemExit, KeyboardInterrupt)) as ended:
        main()
    assert isinstance(ended.value, SystemExit)
    assert ended.value.code == 130
