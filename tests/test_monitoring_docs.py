"""The unit files in docs/monitoring.md are well formed, and run a command that exists."""

import configparser
import plistlib
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from promptbreeder_server.commands import cli

_PAGE = (Path(__file__).parents[1] / "docs" / "monitoring.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", _PAGE, re.DOTALL)


def understood(words: list[str]) -> None:
    """Let the command line parse a command, without running it."""
    command = cli.get_command(click.Context(cli), words[1])
    assert command is not None
    assert words[0].endswith("promptbreeder-mcp")
    command.make_context(words[1], words[2:])


def test_the_launchd_file_is_a_property_list() -> None:
    """With the program as separate arguments, hourly."""
    (text,) = blocks("xml")
    job = plistlib.loads(text.encode())
    understood(job["ProgramArguments"])
    assert job["StartInterval"] == 3600


def test_the_systemd_units_fit_together() -> None:
    """A one-shot service for which the exit statuses that are no failure are named, and its timer."""
    service, timer = (configparser.RawConfigParser(strict=True) for _ in range(2))
    for unit, text in zip((service, timer), blocks("systemd"), strict=True):
        unit.read_string(text)
    understood(shlex.split(service["Service"]["ExecStart"]))
    assert service["Service"]["SuccessExitStatus"].split() == ["0", "1", "3"]
    assert timer["Timer"]["OnCalendar"] == "hourly"


_SHELL = shutil.which("sh")


@pytest.mark.skipif(_SHELL is None, reason="needs a shell")
@pytest.mark.parametrize(("status", "mailed"), [(0, ""), (3, ""), (1, "said\n"), (2, "said\n"), (4, "said\n")])
def test_the_cron_line_prints_only_what_somebody_should_read(tmp_path: Path, status: int, mailed: str) -> None:
    """Cron mails whatever a job prints."""
    (text,) = blocks("cron")
    line = text.splitlines()[-1].split(maxsplit=5)[5]
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho said\nexit {status}\n", encoding="utf-8")
    program.chmod(0o700)
    command = re.search(r"\$\((.*?) 2>&1\)", line)
    assert command is not None
    understood(shlex.split(command[1]))
    script = line.replace(shlex.split(command[1])[0], str(program))
    run = subprocess.run([_SHELL or "sh", "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == mailed
