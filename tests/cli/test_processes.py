"""What only a real process shows: signals, encodings, and that no command leaves a traceback."""

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from promptbreeder_server.main import main

COMMAND = [sys.executable, "-m", "promptbreeder_server"]
PATIENCE = 120


@pytest.fixture
def process(environment: dict[str, str]) -> Callable[..., subprocess.Popen[str]]:
    """Return a function that starts a command."""

    def start(*arguments: str, **changes: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *arguments],
            env={**os.environ, **environment, **changes},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    return start


def test_ctrl_c_pauses_a_run_and_the_same_command_goes_on_with_it(
    process: Callable[..., subprocess.Popen[str]], told: Callable[..., Any], run: Callable[..., Any], tickets_in: str
) -> None:
    """The first says so and ends with a failure; the second drives the same run, until it is cancelled for good."""
    evolve = ("evolve", tickets_in, "--generations", "200", "--budget-tokens", "2000000", "--json")
    with process(*evolve) as first:
        while not told("status"):
            pass
        first.send_signal(signal.SIGINT)
        out, err = first.communicate(timeout=PATIENCE)
        assert first.returncode == 1
    assert out == ""
    assert "The run pauses; the same command goes on with it." in err
    assert "Traceback" not in err
    (paused,) = told("status")
    assert paused["status"] == "paused"
    with process(*evolve) as second:
        while told("status")[0]["status"] != "running":
            pass
        run("cancel", paused["run_id"])
        out, err = second.communicate(timeout=PATIENCE)
        assert second.returncode == 0, err
    ended = json.loads(out)
    assert (ended["run_id"], ended["status"]) == (paused["run_id"], "cancelled")
    assert len(told("status")) == 1


def test_ctrl_c_in_a_command_that_only_follows_a_run_says_that_it_goes_on(
    process: Callable[..., subprocess.Popen[str]], told: Callable[..., Any], run: Callable[..., Any], tickets_in: str
) -> None:
    """Another process drives it, and does not pause; how to stop it is said."""
    evolve = ("evolve", tickets_in, "--generations", "200", "--budget-tokens", "2000000", "--json")
    with process(*evolve) as first:
        while [report["status"] for report in told("status")] != ["running"]:
            pass
        with process(*evolve) as second:
            assert second.stderr is not None
            assert second.stderr.readline() == "evolving\n"
            second.send_signal(signal.SIGINT)
            _, err = second.communicate(timeout=PATIENCE)
            assert second.returncode == 1
        (report,) = told("status")
        assert report["status"] == "running"
        assert f"The run goes on in another process; `promptbreeder-mcp cancel {report['run_id']}` stops it." in err
        assert "pauses" not in err
        run("cancel", report["run_id"])
        first.communicate(timeout=PATIENCE)
    assert first.returncode == 0


def test_json_is_utf_8_whatever_the_locale(
    process: Callable[..., subprocess.Popen[str]], tickets_in: str, tmp_path: Path
) -> None:
    """Also where Python would write ASCII."""
    file = tmp_path / "skill.json"
    definition = {"name": tickets_in, "description": "Grüße, 世界", "prompt": "Wohin gehört das?"}
    file.write_text(json.dumps(definition, ensure_ascii=False), encoding="utf-8")
    for arguments in (("import", str(file), "--json"), ("skills",), ("skills", "--json"), ("export", tickets_in)):
        with process(*arguments, PYTHONIOENCODING="ascii", LC_ALL="C") as command:
            out, err = command.communicate(timeout=PATIENCE)
            assert command.returncode == 0, err
    assert "Grüße, 世界" in json.loads(out)["description"]


def test_lines_end_in_the_same_way_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where standard output would write other line ends, as on Windows, an exported prompt would be another one."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, newline="\r\n"))
    monkeypatch.setattr(sys, "argv", ["promptbreeder-mcp", "--help"])
    with pytest.raises(SystemExit):
        main()
    sys.stdout.flush()
    assert written.getvalue().count(b"\n") > 1
    assert b"\r" not in written.getvalue()


def test_a_run_whose_driver_died_is_taken_over_by_whoever_waits_for_it(
    process: Callable[..., subprocess.Popen[str]], told: Callable[..., Any], tickets_in: str, home: Path
) -> None:
    """At first another process holds the lease; when that runs out, the waiting command drives the run to its end."""
    evolve = ("evolve", tickets_in, "--generations", "4", "--population", "6", "--json")
    with process(*evolve) as killed:
        while not told("status"):
            pass
        killed.kill()
        killed.communicate(timeout=PATIENCE)
    with closing(sqlite3.connect(home / "promptbreeder.db")) as db, db:
        # As the killed process left it, but for a lease that runs out soon.
        db.execute("UPDATE runs SET status = 'running', owner = 'gone', lease_until = ?", [time.time() + 3])
    with process(*evolve) as waiting:
        out, err = waiting.communicate(timeout=PATIENCE)
        assert waiting.returncode == 0, err
    assert json.loads(out)["status"] == "finished"
    assert len(told("status")) == 1


def test_ctrl_c_ends_a_command_that_waits_for_a_line(
    process: Callable[..., subprocess.Popen[str]], tickets_in: str
) -> None:
    """What was asked before is answered, although the input is still open."""
    with process("run", tickets_in) as waiting:
        assert waiting.stdin is not None
        assert waiting.stdout is not None
        waiting.stdin.write('{"input": "Where is the courier?"}\n')
        waiting.stdin.flush()
        answered = json.loads(waiting.stdout.readline())
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(PATIENCE) == 1
    assert answered["skill"] == tickets_in
