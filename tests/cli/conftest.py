"""The command line on the scripted model, in this process."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from click.testing import CliRunner, Result

from promptbreeder.requests import SkillDefinition
from promptbreeder_server.commands import cli


@pytest.fixture(autouse=True)
def _quick(quick_store: None) -> None:
    pass


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return the data folder."""
    return tmp_path / "home"


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """Return what sets the data folder and the scripted model."""
    return {"PROMPTBREEDER_HOME": str(home), "PROMPTBREEDER_MODEL": "scripted"}


@pytest.fixture
def run(environment: dict[str, str]) -> Callable[..., Result]:
    """Return a function that runs a command; it must end with `code`, and never with a traceback."""
    runner = CliRunner(env=environment)

    def ran(*arguments: object, code: int = 0, stdin: str | bytes = "", env: dict[str, str] | None = None) -> Result:
        result = runner.invoke(cli, [str(argument) for argument in arguments], input=stdin, env=env)
        assert result.exit_code == code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert "Traceback" not in result.output
        return result

    return ran


@pytest.fixture
def told(run: Callable[..., Result]) -> Callable[..., Any]:
    """Return a function that runs a command with --json and returns the one document that it prints on stdout."""

    def ran(*arguments: object, **how: Any) -> Any:  # noqa: ANN401
        return json.loads(run(*arguments, "--json", **how).stdout)

    return ran


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM])
def interrupted(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Return something to be awaited by a command that is told to stop meanwhile."""

    async def wait(*_: object, **__: object) -> None:
        while signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            await anyio.lowlevel.checkpoint()
        signal.raise_signal(request.param)
        await anyio.sleep_forever()

    return wait


@pytest.fixture
def skill_file(tmp_path: Path, ticket_skill: Callable[..., SkillDefinition]) -> Path:
    """Return a file that holds the ticket skill, with repeatable splits."""
    file = tmp_path / "tickets.json"
    definition = ticket_skill().model_dump(mode="json", exclude_none=True)
    file.write_text(json.dumps(definition), encoding="utf-8")
    return file


@pytest.fixture
def tickets_in(run: Callable[..., Result], skill_file: Path) -> str:
    """Bring the ticket skill in."""
    run("import", skill_file)
    return "tickets"
