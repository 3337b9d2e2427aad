"""The portable engine: llama.cpp's own server, in this process, from prebuilt wheels (`xllamacpp`).

The server listens on a loopback port with a key that only this process knows. Requests of a block go to its one slot in
order: the first reads its whole prompt, the others find the prefix that they share with the one before still warm. So
what a block answers depends on the block alone, and its cost is the nominal one; batching several sequences in the
server reads no faster here and makes greedy replies depend on what else is in flight.
"""

import contextlib
import importlib
import math
import os
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from importlib import metadata
from pathlib import Path
from typing import Any

import httpx

from promptbreeder.errors import InvalidInput, ModelCrashed, ModelMissing
from promptbreeder.models import chatml
from promptbreeder.models.base import Block, Choice, Likelihood, Rates, Reply, Sampling
from promptbreeder.models.engine import Interrupted, Stopped
from promptbreeder.models.option_tree import OptionTree

CELLS = 6_144
BATCH = 256
"""Tokens between two looks at whether the caller has gone: well under a second of reading."""
_LIFT = 100.0
"""Added to the logits of the options' tokens: more than any two logits of a model are apart."""
_LEAST = 1e-37
"""Stands for a probability too small for the server's 32-bit numbers."""
_POLL_SECONDS = 0.1
_DEADLINE_SECONDS = 600.0
_TIMED_READ = 512
_TIMED_WRITE = 32


class PortableEngine:
    """See `promptbreeder.models.engine.Engine`."""

    context = 4_096
    exact_choice = False
    has_likelihood = False

    def __init__(self, path: Path, *, threads: int) -> None:
        """Load the model and start its server.

        Raises:
            ModelMissing: if the package is not installed.
            ModelCrashed: if the file cannot be loaded.
        """
        try:
            # Through a name: it has no types. Imported here: a large shared library, only for those who use it.
            xllamacpp: Any = importlib.import_module("xllamacpp")
        except ImportError as error:
            raise ModelMissing(
                "the portable engine is not installed: pip install 'promptbreeder-mcp[embedded]'"
            ) from error
        params: Any = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx, params.n_parallel, params.n_batch, params.n_ubatch = CELLS, 1, BATCH, BATCH
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.n_gpu_layers = 0
        params.warmup = False
        params.ui = False
        params.endpoint_slots = False
        params.cache_ram_mib = 0
        params.verbosity = -1
        key = secrets.token_urlsafe(32)
        params.api_keys = [key]
        with _stdout_kept():
            try:
                self._server: Any = xllamacpp.Server(params)
            except Exception as error:  # the binding raises bare exceptions
                raise ModelCrashed(
                    f"llama.cpp cannot load {path}: {error}; is it a GGUF file of a text model?"
                ) from error
        self._client = httpx.Client(
            base_url=self._server.listening_address,
            headers={"Authorization": f"Bearer {key}"},
            timeout=_DEADLINE_SECONDS,
            trust_env=False,
        )
        self._calls = ThreadPoolExecutor(max_workers=1, thread_name_prefix="portable-engine")
        self._end_of_turn = self._tokens(chatml.END_OF_TURN)[0]
        self.description = f"xllamacpp {metadata.version('xllamacpp')} cells={CELLS} batch={BATCH}"

    def generate(self, prompts: Sequence[str], samplings: Sequence[Sampling], stopped: Stopped) -> Block[Reply]:
        """Continue each prompt."""
        tokens = [self._tokens(prompt) for prompt in prompts]
        replies = []
        warm = False
        for own, sampling in zip(tokens, samplings, strict=True):
            if len(own) + sampling.max_tokens > self.context:
                replies.append(Reply("", 0, 0, failure=self._too_long(own, sampling.max_tokens)))
                continue
            answer = self._complete(
                {
                    "prompt": own,
                    "n_predict": sampling.max_tokens,
                    "temperature": sampling.temperature,
                    "top_p": sampling.top_p,
                    "top_k": sampling.top_k,
                    "min_p": 0.0,
                    "repeat_penalty": 1.0,
                    "seed": sampling.seed,
                    "stop": list(sampling.stop),
                    "cache_prompt": warm,
                },
                stopped,
            )
            warm = True
            replies.append(Reply(answer["content"], len(own), int(answer["tokens_predicted"])))
        return Block(tuple(replies), self._prefix(tokens, [sampling.max_tokens for sampling in samplings]))

    def choose(self, prompts: Sequence[str], options: Sequence[str], stopped: Stopped) -> Block[Choice]:
        """Return the log-probability of each option among them, up to the token that tells it from all others."""
        tokens = [self._tokens(prompt) for prompt in prompts]
        tree = OptionTree.of([self._tokens(option) for option in options], self._end_of_turn)
        forks = tree.forks()
        longest = max(map(len, forks)) + 1
        choices = []
        warm = False
        for own in tokens:
            if len(own) + longest > self.context:
                choices.append(Choice((), 0, failure=self._too_long(own, longest)))
                continue
            scores = [0.0] * len(options)
            for fork in forks:
                found = self._logprobs_among([*own, *fork], tree.nexts(fork), stopped, warm=warm)
                warm = True
                for index, path in enumerate(tree.paths):
                    if len(path) > len(fork) and path[: len(fork)] == fork:
                        scores[index] += found[path[len(fork)]]
            choices.append(Choice(tuple(scores), len(own)))
        return Block(tuple(choices), self._prefix(tokens, [longest] * len(tokens)))

    def likelihood(
        self,
        prompts: Sequence[str],  # noqa: ARG002 - the protocol's
        answers: Sequence[str],  # noqa: ARG002
        stopped: Stopped,  # noqa: ARG002
    ) -> Block[Likelihood]:
        """Not available: the server gives no log-probabilities of prompts."""
        raise InvalidInput("the portable engine cannot score given answers; the native one can (`make native`)")

    def measure_rates(self) -> Rates:
        """Time one long read and a short generation, by the server's own clock."""
        prompt = self._tokens(" time" * _TIMED_READ)[:_TIMED_READ]
        asked = {"prompt": prompt, "n_predict": _TIMED_WRITE, "temperature": 0.0, "ignore_eos": True}
        timings = [self._complete({**asked, "cache_prompt": False}, _never)["timings"] for _ in range(2)]
        return Rates(
            read=max(float(timing["prompt_per_second"]) for timing in timings),
            write=max(float(timing["predicted_per_second"]) for timing in timings),
        )

    def close(self) -> None:
        """Stop the server and free the model."""
        self._client.close()
        self._calls.shutdown(wait=True)
        # The binding frees the model when its last reference goes.
        self._server = None

    def _logprobs_among(
        self, tokens: Sequence[int], nexts: Sequence[int], stopped: Stopped, *, warm: bool
    ) -> dict[int, float]:
        """Return the log-probability of each of `nexts` after `tokens`, given that it is one of them.

        The server tells the probabilities of the likeliest tokens only. Lifting the wanted ones by the same amount
        makes them the likeliest and leaves their ratios as they are.
        """
        answer = self._complete(
            {
                "prompt": list(tokens),
                "n_predict": 1,
                "logit_bias": [[token, _LIFT] for token in nexts],
                "samplers": ["temperature"],
                "temperature": 1.0,
                "n_probs": len(nexts),
                "post_sampling_probs": True,
                "cache_prompt": warm,
            },
            stopped,
        )
        (place,) = answer["completion_probabilities"]
        found = {int(top["id"]): float(top["prob"]) for top in place["top_probs"]}
        return {token: math.log(max(found.get(token, 0.0), _LEAST)) for token in nexts}

    def _complete(self, body: dict[str, Any], stopped: Stopped) -> dict[str, Any]:
        call = self._calls.submit(self._post, "/completion", {**body, "id_slot": 0})
        answer = self._awaited(call, stopped)
        if "error" in answer:
            raise ModelCrashed(f"llama.cpp's server refused a request: {answer['error']}")
        return answer

    def _awaited(self, call: "Future[dict[str, Any]]", stopped: Stopped) -> dict[str, Any]:
        while True:
            try:
                return call.result(timeout=_POLL_SECONDS)
            except StillRunning:
                if stopped():
                    self._hang_up(call)
                    raise Interrupted from None

    def _hang_up(self, call: "Future[dict[str, Any]]") -> None:
        # The server drops a task whose connection is gone; a fresh client serves what comes next.
        old = self._client
        self._client = httpx.Client(
            base_url=old.base_url, headers=old.headers, timeout=_DEADLINE_SECONDS, trust_env=False
        )
        old.close()
        with contextlib.suppress(ModelCrashed, httpx.HTTPError, RuntimeError):
            call.result()

    def _post(self, route: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._client.post(route, json=body).json()
        except (httpx.HTTPError, ValueError) as error:
            raise ModelCrashed(f"llama.cpp's server does not answer: {error}") from error
        return answer

    def _tokens(self, text: str) -> list[int]:
        answer = self._post("/tokenize", {"content": text, "parse_special": True, "add_special": False})
        return [int(token) for token in answer["tokens"]]

    def _prefix(self, tokens: Sequence[Sequence[int]], spare: Sequence[int]) -> int:
        fitting = [tuple(own) for own, extra in zip(tokens, spare, strict=True) if len(own) + extra <= self.context]
        if not fitting:
            return 0
        # The last token of a prompt is always read: its logits are what is asked for.
        low, high = min(fitting), max(fitting)
        shared = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
        return min(shared, *(len(own) - 1 for own in fitting))

    def _too_long(self, tokens: Sequence[int], extra: int) -> str:
        return f"the prompt has {len(tokens)} tokens and {extra} to write; {self.context} fit"


@contextlib.contextmanager
def _stdout_kept() -> Iterator[None]:
    """Point file descriptor 1 at stderr while C code that may print runs: stdout belongs to the protocol."""
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _never() -> bool:
    return False
