"""Other libraries as methods: each in a process and an environment of its own, through the endpoint that it expects.

`peers/<script>.py` runs with the interpreter that `--peers-python` names. It gets the train and development lines and
searches against the endpoint; afterwards it answers inputs with what it found, as the library does, and nothing of
that is charged. Our constrained and calibrated decoding then take the very chat that the library sends.
"""

import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from chat_api import MOST_TOKENS  # these beside this file
from chats import PLACE, Chat, choose
from endpoint import Endpoint, serving
from laboratory import Laboratory
from rows import OWN, Result, Row, costs

from promptbreeder.errors import InvalidInput
from promptbreeder.evaluation.meter import Usage
from promptbreeder.prompt import Decoding, Message
from promptbreeder.skill import Example

FOLDER = Path(__file__).parent / "peers"
LONGEST_SECONDS = 6 * 3_600
"""A script that is not done by then hangs: one that waits for the model is answered or refused."""
LAST_WORDS = 300
"""Characters of a failed script's output that are kept in its row."""


class _Failed(Exception):
    """A script ended without a result."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A script in `peers/`, and which of its methods."""

    script: str
    method: str = ""

    async def run(self, lab: Laboratory, seed: int) -> Row:
        """Search and judge; a library that fails has a row that says how.

        Raises:
            InvalidInput: without an interpreter for it.
        """
        if lab.peers_python is None:
            message = "it needs --peers-python, see benchmarks/README.md"
            raise InvalidInput(message)
        began = time.monotonic()
        async with serving(_models(lab), budget=lab.budget, seed=seed) as endpoint:
            try:
                found = await self._do("search", lab, seed, endpoint=endpoint)
            except _Failed as failure:
                return {"failed": str(failure), **costs(endpoint.total, time.monotonic() - began)}
        seconds = time.monotonic() - began
        try:
            return (await self._judged(lab, seed, found, endpoint, seconds)).row()
        except _Failed as failure:
            return {"failed": f"to answer: {failure}", **costs(endpoint.total, seconds), "prompt": _prompt_of(found)}

    async def _judged(
        self, lab: Laboratory, seed: int, found: dict[str, Any], endpoint: Endpoint, seconds: float
    ) -> Result:
        lines = (*lab.task.development, *(() if lab.judged is lab.task.development else lab.judged))
        async with serving(_models(lab), seed=seed) as free:
            answers = (await self._do("answer", lab, seed, endpoint=free, state=found["state"], inputs=lines))[
                "answers"
            ]
        scores = lab.score(answers, lines)
        judged = {OWN: scores[-len(lab.judged) :]}
        chat = Chat(tuple(Message(role, content) for role, content in found["messages"]), found["opening"])
        inputs = [example.input for example in lab.judged]
        calibration = [example.input for example in lab.task.development]
        for decoding in lab.decodings if chat.messages else ():
            if decoding is not Decoding.FREE:
                chosen = await choose(
                    lab.cached,
                    chat,
                    decoding,
                    lab.skill.labels,
                    inputs=inputs,
                    calibration=calibration,
                    known=lab.task.answers,
                )
                judged[decoding.value] = lab.score(chosen, lab.judged)
        return Result(
            judged=judged,
            development=scores[: len(lab.task.development)],
            usage=endpoint.total,
            seconds=seconds,
            prompt=_prompt_of(found),
            more={
                "library": found["library"],
                "by_model": {name: _spent(used) for name, used in endpoint.used.items()},
                "budget_ended_it": endpoint.exhausted,
            },
        )

    async def _do(
        self,
        do: str,
        lab: Laboratory,
        seed: int,
        *,
        endpoint: Endpoint,
        state: dict[str, Any] | None = None,
        inputs: Sequence[Example] = (),
    ) -> dict[str, Any]:
        job = {
            "do": do,
            "method": self.method,
            "url": endpoint.url,
            "seed": seed,
            "seed_prompt": lab.task.seed_prompt.instruction,
            "skill": lab.skill.model_dump(mode="json"),
            "answer_tokens": lab.skill.answer_tokens,
            "writer_tokens": MOST_TOKENS,
            "train": _plain(lab.task.train),
            "development": _plain(lab.task.development),
            "place": PLACE,
            "found": state or {},
            "inputs": [example.input for example in inputs],
        }
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            asked, result = folder / "job.json", folder / "result.json"
            asked.write_text(json.dumps(job), encoding="utf-8")
            command = [str(lab.peers_python), str(FOLDER / self.script), str(asked), str(result)]
            done = None
            with anyio.move_on_after(LONGEST_SECONDS):
                done = await anyio.run_process(command, check=False, cwd=folder, env=_environment(folder))
            if endpoint.broken:
                raise endpoint.broken
            if done is None:
                raise _Failed(f"{self.script} was ended after {LONGEST_SECONDS:,} s")
            if done.returncode or not result.exists():
                said = (done.stdout + done.stderr).decode(errors="replace").strip()
                raise _Failed(f"{self.script} ended with {done.returncode}: {said[-LAST_WORDS:]}")
            answer: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
            return answer


def _models(lab: Laboratory) -> dict[str, Any]:
    return {"executor": lab.executor, "writer": lab.writer}


def _plain(examples: Sequence[Example]) -> list[dict[str, str]]:
    return [{"input": example.input, "expected": example.expected or ""} for example in examples]


def _environment(folder: Path) -> dict[str, str]:
    """Return ours without what could lead a client elsewhere, and with this checkout for the scorer."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {
        **kept,
        "PYTHONPATH": str(FOLDER.parents[1]),
        "PYTHONHASHSEED": "0",
        "OPENAI_API_KEY": "none",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "DSPY_CACHEDIR": str(folder / "dspy"),
    }


def _prompt_of(found: dict[str, Any]) -> dict[str, Any] | None:
    kept = ("instruction", "demonstrations", "messages", "opening")
    return {name: found[name] for name in kept} if found["messages"] else None


def _spent(used: Usage) -> dict[str, int]:
    return {
        "calls": used.calls,
        "cache_hits": used.cache_hits,
        "prompt_tokens": used.prompt_tokens,
        "generated_tokens": used.completion_tokens,
    }


PEERS = {
    **{
        f"promptolution {method}": Peer("promptolution_peer.py", method)
        for method in ("EvoPromptGA", "EvoPromptDE", "OPRO", "CAPO")
    },
    "GEPA": Peer("gepa_peer.py"),
    "DSPy MIPROv2": Peer("dspy_peer.py", "MIPROv2"),
    "DSPy BootstrapFewShot": Peer("dspy_peer.py", "BootstrapFewShot"),
}
TFIDF = Peer("scikit_peer.py")
