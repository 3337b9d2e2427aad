"""What a peer is asked, and what it hands back: files that `peer_runs.py` writes and reads.

Runs in the peers' own environment, with this checkout on its path for the scorer alone.
"""

import json
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from promptbreeder.evaluation.metrics import Metric, metric_of
from promptbreeder.skill import Skill

KEY = "none"
"""The endpoint wants no key, but clients do."""
AT_ONCE = 16
"""Requests that are sent at the same time, where the library can: the endpoint answers them as one block."""


@dataclass(frozen=True)
class Job:
    """One search, or the answers of what a search has found."""

    do: str
    """`search` or `answer`."""
    method: str
    """Which of the library's optimisers."""
    url: str
    """Of the endpoint; its models are `executor` and `writer`."""
    seed: int
    seed_prompt: str
    skill: dict[str, Any]
    answer_tokens: int
    """Longest answer of the executor."""
    writer_tokens: int
    """Longest text of the writer."""
    train: list[dict[str, str]]
    """`{"input", "expected"}` each."""
    development: list[dict[str, str]]
    place: str
    """Stands for the input where a chat is shown without one."""
    found: dict[str, Any]
    """To answer with: what the search called `state`."""
    inputs: list[str]
    """To answer."""

    @property
    def labels(self) -> list[str]:
        """Empty for free text."""
        return list(self.skill["labels"])

    @property
    def metric(self) -> Metric:
        """The scorer that all share."""
        return metric_of(Skill.model_validate(self.skill))

    def used(self) -> float:
        """Ask the endpoint which share of the budget is used."""
        with urllib.request.urlopen(f"{self.url}/budget") as response:  # noqa: S310 - our own loopback address
            told = json.load(response)
        return float(told["used"] / told["budget"])

    def exhausted(self) -> bool:
        """Ask the endpoint whether the budget is used."""
        return self.used() >= 1


def found(
    library: str,
    *,
    instruction: str,
    demonstrations: int,
    messages: list[dict[str, str]],
    state: dict[str, Any],
    opening: str = "",
) -> dict[str, Any]:
    """Return the result of a search.

    `messages` is the chat that the library sends, with the job's `place` for the input; `opening` is what it wants the
    answer to begin with; `state` is what it needs to answer with this prompt again.
    """
    return {
        "library": f"{library} {version(library)}",
        "instruction": instruction,
        "demonstrations": demonstrations,
        "messages": [(message["role"], message["content"]) for message in messages],
        "opening": opening,
        "state": state,
    }


def main(search: Callable[[Job], dict[str, Any]], answer: Callable[[Job], list[str]]) -> None:
    """Do the job in the file named first, and write what came of it to the file named second."""
    job = Job(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    result = search(job) if job.do == "search" else {"answers": answer(job)}
    Path(sys.argv[2]).write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
