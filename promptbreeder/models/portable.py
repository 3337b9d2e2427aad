"""The portable engine: llama.cpp's own server, in this process, from prebuilt wheels (`xllamacpp`).

The server listens on a loopback port with a key that only this process knows. Requests of a block go to its one slot in
order: the first reads its whole prompt, the others find the prefix that they share with the one before still warm. So
what a block answers depends on the block alone, and its cost is the nominal one; batching several sequences in the
server reads no faster here and makes greedy replies depend on what else is in flight.
"""

import importlib
import math
import secrets
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from promptbreeder.errors import InvalidInput, ModelCrashed, ModelMissing
from promptbreeder.models import chatml
from promptbreeder.models.base import Block, Choice, Likelihood, Rates, Reply, Sampling
from promptbreeder.models.engine import (
    CONTEXT,
    Stopped,
    Threads,
    as_trained,
    let_threads_sleep,
    no_chatml,
    shared_prefix,
    too_long,
)
from promptbreeder.models.loopback import Loopback
from promptbreeder.models.option_tree import OptionTree

CELLS = 6_144
BATCH = 256
"""Tokens between two looks at whether the caller has gone: well under a second of reading."""
_LIFT = 100.0
"""Added to the logits of the options' tokens: more than any two logits of a model are apart."""
_LEADS = (0.0, 15.0, 30.0, 45.0, 60.0, 75.0)
"""How far a plain token is lifted above the options' until it is the one that is drawn; 0: none is put there."""
_LEAST = 1e-37
"""Stands for a probability too small for the server's 32-bit numbers."""
_SEEDS = 2**32 - 1
"""The last 32-bit number means a random seed to llama.cpp."""
_TIMED_READ = 128
_TIMED_WRITE = 8
_TIMES = 3
"""The best of several short runs: the machine may be busy with something else for moments."""


class PortableEngine:
    """See `promptbreeder.models.engine.Engine`."""

    exact_choice = False
    has_likelihood = False

    def __init__(self, path: Path, threads: Threads) -> None:
        """Load the model and start its server.

        Raises:
            ModelMissing: if the package is not installed.
            ModelCrashed: if it or the file cannot be loaded, or the model was not made for ChatML.
        """
        xllamacpp = _library()
        params: Any = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx, params.n_parallel, params.n_batch, params.n_ubatch = CELLS, 1, BATCH, BATCH
        params.cpuparams_batch.n_threads, params.cpuparams.n_threads = threads
        params.n_gpu_layers = 0
        params.warmup = False
        params.ui = False
        params.endpoint_slots = False
        params.cache_ram_mib = 0
        # Nothing is printed: standard output belongs to the protocol.
        params.verbosity = -1
        key = secrets.token_urlsafe(32)
        params.api_keys = [key]
        try:
            self._server: Any = xllamacpp.Server(params)
        except Exception as error:  # the binding raises bare exceptions
            raise ModelCrashed(f"llama.cpp cannot load {path}; is it a GGUF file of a text model? ({error})") from error
        self._loopback = Loopback(self._server.listening_address, key)
        self._end_of_turn, *more = self._tokens(chatml.END_OF_TURN)
        if more:
            raise no_chatml(path)
        self._plain, *_ = plain = self._tokens("\n")
        # What the model was trained to see at the beginning of a text; mostly nothing.
        self._beginning = self._tokens("\n", whole=True)[: -len(plain)]
        (model,) = self._loopback.get("/v1/models", _never)["data"]
        self.context = min(CONTEXT, int(model["meta"]["n_ctx_train"]))
        read = as_trained(self.context, self._beginning)
        self.description = f"xllamacpp {metadata.version('xllamacpp')} cells={CELLS} batch={BATCH}{read}"

    def generate(self, prompts: Sequence[str], samplings: Sequence[Sampling], stopped: Stopped) -> Block[Reply]:
        """Continue each prompt."""
        tokens = [[*self._beginning, *self._tokens(prompt)] for prompt in prompts]
        spare = [sampling.max_tokens for sampling in samplings]
        replies = []
        warm = False
        for own, sampling in zip(tokens, samplings, strict=True):
            if len(own) + sampling.max_tokens > self.context:
                reason = too_long(len(own), sampling.max_tokens, self.context)
                replies.append(Reply("", 0, 0, failure=reason))
                continue
            answer = self._complete(own, _decoding(sampling), stopped, warm=warm)
            warm = True
            replies.append(Reply(str(answer["content"]), len(own), int(answer["tokens_predicted"])))
        return Block(tuple(replies), self._prefix(tokens, spare))

    def choose(self, prompts: Sequence[str], options: Sequence[str], stopped: Stopped) -> Block[Choice]:
        """Return the log-probability of each option among them, up to the token that tells it from all others."""
        tokens = [[*self._beginning, *self._tokens(prompt)] for prompt in prompts]
        tree = OptionTree.of([self._tokens(option) for option in options], self._end_of_turn)
        forks = tree.forks()
        spare = max((len(fork) for fork in forks), default=0) + 1
        choices = []
        warm = False
        for own in tokens:
            if len(own) + spare > self.context:
                choices.append(Choice((), 0, failure=too_long(len(own), spare, self.context)))
                continue
            scores = [0.0] * len(options)
            for fork in forks:
                found = self._logprobs_among([*own, *fork], tree.nexts(fork), stopped, warm=warm)
                warm = True
                for index, path in enumerate(tree.paths):
                    if len(path) > len(fork) and path[: len(fork)] == fork:
                        scores[index] += found[path[len(fork)]]
            choices.append(Choice(tuple(scores), len(own)))
        return Block(tuple(choices), self._prefix(tokens, [spare] * len(tokens)))

    def likelihood(
        self,
        prompts: Sequence[str],  # noqa: ARG002 - the protocol's
        answers: Sequence[str],  # noqa: ARG002
        stopped: Stopped,  # noqa: ARG002
    ) -> Block[Likelihood]:
        """Not available: the server gives no log-probabilities of prompts."""
        raise InvalidInput("the portable engine cannot score given answers; the native one can (`make native`)")

    def measure_rates(self) -> Rates:
        """Time reading and writing by the server's own clock, after a read that warms caches and threads."""
        prompt = self._tokens(" time" * _TIMED_READ)[:_TIMED_READ]
        asked = {"n_predict": _TIMED_WRITE, "temperature": 0.0, "ignore_eos": True}
        timings = [self._complete(prompt, asked, _never, warm=False)["timings"] for _ in range(1 + _TIMES)]
        return Rates(
            read=max(float(timing["prompt_per_second"]) for timing in timings),
            write=max(float(timing["predicted_per_second"]) for timing in timings),
        )

    def close(self) -> None:
        """Stop the server and free the model."""
        # The binding does both when its last reference goes.
        self._server = None

    def _logprobs_among(
        self, tokens: Sequence[int], nexts: Sequence[int], stopped: Stopped, *, warm: bool
    ) -> dict[int, float]:
        """Return the log-probability of each of `nexts` after `tokens`, given that it is one of them.

        The server keeps back the probabilities where the token that it drew ends within a character (an emoji is
        several tokens). A plain token is then lifted above the others, so that it is drawn in their stead.
        """
        for lead in _LEADS:
            plain = {self._plain: _LIFT + lead} if lead else {}
            answer = self._complete(tokens, _weighing(nexts, plain), stopped, warm=warm or bool(lead))
            if "completion_probabilities" in answer:
                break
        else:
            raise ModelCrashed("llama.cpp's server gives no probabilities")
        (place,) = answer["completion_probabilities"]
        found = {int(top["id"]): float(top["prob"]) for top in place["top_probs"]}
        weights = {token: max(found.get(token, 0.0), _LEAST) for token in nexts}
        total = math.fsum(weights.values())
        return {token: math.log(weight / total) for token, weight in weights.items()}

    def _complete(
        self, tokens: Sequence[int], decoding: dict[str, Any], stopped: Stopped, *, warm: bool
    ) -> dict[str, Any]:
        body = {**decoding, "prompt": list(tokens), "id_slot": 0, "cache_prompt": warm}
        return self._loopback.post("/completion", body, stopped)

    def _tokens(self, text: str, *, whole: bool = False) -> list[int]:
        body = {"content": text, "parse_special": True, "add_special": whole}
        return [int(token) for token in self._loopback.post("/tokenize", body, _never)["tokens"]]

    def _prefix(self, tokens: Sequence[Sequence[int]], spare: Sequence[int]) -> int:
        return shared_prefix(
            [own for own, extra in zip(tokens, spare, strict=True) if len(own) + extra <= self.context]
        )


def _decoding(sampling: Sampling) -> dict[str, Any]:
    """Return every option that decides a reply, explicitly: the server's defaults change between versions."""
    return {
        "n_predict": sampling.max_tokens,
        "samplers": ["top_k", "temperature", "top_p"],
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "seed": sampling.seed % _SEEDS,
        "stop": list(sampling.stop),
    }


def _weighing(nexts: Sequence[int], plain: Mapping[int, float]) -> dict[str, Any]:
    """Return the options that make the server tell how likely each of `nexts` is.

    It tells the probabilities of the likeliest tokens only. Lifting the wanted ones by the same amount makes them the
    likeliest and leaves their ratios as they are.
    """
    lifts = {**plain, **dict.fromkeys(nexts, _LIFT)}
    return {
        "n_predict": 1,
        "samplers": ["temperature"],
        "temperature": 1.0,
        "seed": 0,
        "logit_bias": [[token, lift] for token, lift in lifts.items()],
        "n_probs": len(lifts),
        "post_sampling_probs": True,
    }


def _library() -> Any:  # noqa: ANN401 - a module without types
    let_threads_sleep()
    try:
        # Through a name: it has no types. Imported here: a large shared library, only for those who use it.
        return importlib.import_module("xllamacpp")
    except ImportError as error:
        raise ModelMissing("the portable engine is not installed: pip install 'promptbreeder-mcp[embedded]'") from error


def _never() -> bool:
    return False
