"""Standard streams as scripts leave them: closed, full, or read by nobody; never a traceback."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "promptbreeder_server"]
PATIENCE = 120
Ended = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def ended(environment: dict[str, str]) -> Ended:
    """Return a function that runs a command, with standard streams that the shell changes, to its end."""
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}

    def run(changed: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-c", f'exec "$@" {changed}', "sh", *COMMAND, *arguments],
            env={**buffered, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )

    return run


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="needs POSIX pipes")
def test_a_command_whose_output_nobody_reads_ends_silently(environment: dict[str, str], tickets_in: str) -> None:
    """As `head` leaves it; this one prints while it has the database open."""
    reading, writing = os.pipe()
    os.close(reading)
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    result = subprocess.run(
        [*COMMAND, "fitness", tickets_in],
        env={**variables, **environment},
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        check=False,
    )
    os.close(writing)
    assert (result.stderr, result.returncode) == (b"", 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("arguments", [("fitness", "tickets"), ("skills",)])
def test_a_full_disk_is_said_in_one_line(ended: Ended, tickets_in: str, arguments: tuple[str, ...]) -> None:
    """Whether the command prints while it has the database open, or afterwards."""
    assert tickets_in
    result = ended(">/dev/full", *arguments)
    assert (result.stderr, result.returncode) == ("Error: [Errno 28] No space left on device\n", 1)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    ("closed", "arguments", "status"),
    [
        ("<&-", ("run", "tickets"), 0),
        (">&-", ("export", "tickets"), 0),
        ("2>&-", ("skills", "--nonsense"), 2),
        ("<&-", (), 0),
    ],
)
def test_closed_streams_are_empty_ones(  # noqa: PLR0917  fixtures
    ended: Ended,
    told: Callable[..., Any],
    tickets_in: str,
    closed: str,
    arguments: tuple[str, ...],
    status: int,
) -> None:
    """Also for the server, which ends where nobody can speak to it; nothing is printed into the database."""
    result = ended(closed, *arguments)
    assert (result.stdout, result.stderr, result.returncode) == ("", "", status)
    assert [line["skill"] for line in told("skills")] == [tickets_in]
