"""Patterns are searched for in another process, which may end itself, or be ended."""

import os
import signal
import sys

import pytest

from promptbreeder.errors import PromptBreederError
from promptbreeder.evaluation import matching
from promptbreeder.evaluation.matching import OutOfTime, search

_ENDLESS = r"^(a+)+$"
_TEXT = "a" * 60 + "!"


def _process() -> int:
    search("a", ["a"])
    process = matching._matcher._process
    assert process is not None
    return process.pid


def test_a_search_that_does_not_end_is_told_from_a_process_that_was_ended() -> None:
    """The first says that the answer is wrong; after it the next search is answered."""
    with pytest.raises(OutOfTime):
        search(_ENDLESS, [_TEXT])
    assert search("^b", ["abc", "bcd"]) == [False, True]


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_a_process_that_something_else_ended_costs_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is started anew, and asked again; if it is ended again, that is an error and no wrong answer."""
    for sent in (signal.SIGKILL, signal.SIGTERM):
        os.kill(_process(), sent)
        assert search("^b", ["abc", "bcd"]) == [False, True]
    monkeypatch.setattr(matching, "_answered", lambda process, _: process.kill() or "")
    with pytest.raises(PromptBreederError, match="try again"):
        search("^b", ["abc"])
