r"""Search for patterns that somebody else wrote, within a deadline.

`re` backtracks: `(\w+\s?)+$` takes years on some sentences, and holds all threads of its process meanwhile. So another
process searches, which ends itself after `DEADLINE_SECONDS`. It searches with `re` all the same: engines that have a
deadline, or that need none, have other ideas of `\w` or no look-ahead, and would judge ordinary answers differently.
"""

import atexit
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from promptbreeder.errors import PromptBreederError

DEADLINE_SECONDS = 1.0
"""Thousands of times what an ordinary pattern takes on a reply, also where the machine is busy."""
_PROGRAM = Path(__file__).with_name("matcher.py")
_OVER_TIME = 1
"""What `faulthandler` ends a process with."""


class NoPattern(ValueError):
    """It is not a regular expression; the text says why."""


class OutOfTime(Exception):
    """The search did not end within its deadline."""


def search(pattern: str, texts: Sequence[str]) -> list[bool]:
    """Tell for each text whether it holds the pattern.

    The deadline goes by the clock, so a search that takes about as long may end on one machine and not on another.

    Raises:
        NoPattern: if it is none.
        OutOfTime: if the deadline passes before all texts are searched.
    """
    found = json.loads(_matcher.ask(json.dumps([pattern, texts])))
    if isinstance(found, str):
        raise NoPattern(found)
    return [bool(one) for one in found]


class _Matcher:
    """The other process: started when it is first asked, and anew after it has ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._one_at_a_time = threading.Lock()

    def ask(self, question: str) -> str:
        """Return its answer; a process that something else has ended is started anew, once.

        Raises:
            OutOfTime: if it has ended itself over the question.
        """
        with self._one_at_a_time:
            for _ in range(2):
                process = self._running()
                try:
                    answer = _answered(process, question)
                    code = None if answer else process.wait()
                except BaseException:
                    # Whoever asked was interrupted: the next one must not get this answer.
                    self.end()
                    raise
                if answer:
                    return answer
                if code == _OVER_TIME:
                    raise OutOfTime
        raise PromptBreederError("the process that searches for patterns was ended twice, by something else; try again")

    def end(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _running(self) -> subprocess.Popen[str]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.end()
        # Without the site's packages it starts within hundredths of a second; on Windows it must open no window.
        self._process = subprocess.Popen(  # noqa: S603  our own program
            [sys.executable, "-I", "-S", str(_PROGRAM), str(DEADLINE_SECONDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        # The deadline is for the search, not for the start. And what cannot start must not make every answer wrong.
        if self._process.stdout is None or not self._process.stdout.readline():
            raise PromptBreederError(
                f"{sys.executable} cannot run {_PROGRAM}, which metric 'regex' needs; install promptbreeder-mcp anew"
            )
        return self._process


def _answered(process: Any, question: str) -> str:  # noqa: ANN401  with both its pipes
    """Return a line of answer, empty where the process has ended."""
    with suppress(OSError):
        process.stdin.write(f"{question}\n")
        process.stdin.flush()
        return str(process.stdout.readline())
    return ""


_matcher = _Matcher()
atexit.register(_matcher.end)
