"""The native engine: llama.cpp's low-level API, a whole block in each decode.

    common prefix of the block -> sequence 0, decoded once, kept for the next block with the same prefix
    each item's own tokens     -> a sequence of its own that begins as a copy of sequence 0
    all of them                -> as few `llama_decode` calls as fit, logits only where they are read

The prefix is either reused whole or decoded anew from an empty sequence: a prefix that was put together from pieces
differs in its last bits, and the result of a block must not depend on what was computed before it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np

from promptbreeder.models.base import Block, Choice, Likelihood, Rates, Reply, Sampling
from promptbreeder.models.decoder import BATCH, CELLS, MICRO_BATCH, SEQUENCES, Decoder, Logits, Row
from promptbreeder.models.engine import Stopped
from promptbreeder.models.option_tree import OptionTree
from promptbreeder.models.sampler import Sampler, log_softmax

Tokens: TypeAlias = tuple[int, ...]
T = TypeVar("T")
_TIMED_READ = 512
_TIMED_WRITE = 48


class NativeEngine:
    """See `promptbreeder.models.engine.Engine`."""

    context = 4_096
    exact_choice = True
    has_likelihood = True

    def __init__(self, path: Path, *, threads: int) -> None:
        """Load the model; raises ModelMissing, ModelCrashed."""
        self._decoder = Decoder(path, threads=threads)
        self._prefix: Tokens = ()
        version = metadata.version("llama-cpp-python")
        self.description = f"llama-cpp-python {version} cells={CELLS} batch={BATCH}/{MICRO_BATCH} unified"

    def generate(self, prompts: Sequence[str], samplings: Sequence[Sampling], stopped: Stopped) -> Block[Reply]:
        """Continue each prompt; all living sequences advance together."""
        tokens = [self._decoder.tokens(prompt) for prompt in prompts]
        spare = [sampling.max_tokens for sampling in samplings]
        prefix, fitting, failed = self._sort(tokens, spare)
        replies: dict[int, Reply] = {i: Reply("", 0, 0, failure=reason) for i, reason in failed.items()}
        for group in _groups(fitting, [len(tokens[i]) - prefix + spare[i] for i in range(len(tokens))], prefix):
            replies.update(self._generate_group(group, tokens, samplings, prefix, stopped))
        return Block(tuple(replies[i] for i in range(len(prompts))), prefix)

    def choose(self, prompts: Sequence[str], options: Sequence[str], stopped: Stopped) -> Block[Choice]:
        """Return the exact log-probability of each option after each prompt."""
        tokens = [self._decoder.tokens(prompt) for prompt in prompts]
        tree = OptionTree.of([self._decoder.tokens(option) for option in options], self._decoder.end_of_turn)
        branches = sum(len(tree.inner_nodes(depth)) for depth in range(1, tree.depth))
        prefix, fitting, failed = self._sort(tokens, [branches] * len(tokens))
        choices: dict[int, Choice] = {i: Choice((), 0, failure=reason) for i, reason in failed.items()}
        sizes = [len(item) - prefix + branches for item in tokens]
        for group in _groups(fitting, sizes, prefix, most=(SEQUENCES - 1) // (1 + branches)):
            choices.update(self._choose_group(group, tokens, tree, prefix, stopped))
        return Block(tuple(choices[i] for i in range(len(prompts))), prefix)

    def likelihood(self, prompts: Sequence[str], answers: Sequence[str], stopped: Stopped) -> Block[Likelihood]:
        """Return the mean log-probability per token of each answer, the end of its turn included."""
        asked = [self._decoder.tokens(prompt) for prompt in prompts]
        wanted = [(*self._decoder.tokens(answer), self._decoder.end_of_turn) for answer in answers]
        prefix, fitting, failed = self._sort(asked, [len(answer) for answer in wanted])
        found: dict[int, Likelihood] = {i: Likelihood(0.0, 0, failure=reason) for i, reason in failed.items()}
        sizes = [len(a) - prefix + len(w) for a, w in zip(asked, wanted, strict=True)]
        for group in _groups(fitting, sizes, prefix):
            self._load_prefix(asked[group[0]][:prefix], stopped)
            rows: list[Row] = []
            targets: list[tuple[int, int]] = []
            for sequence, item in enumerate(group, start=1):
                self._decoder.copy(0, sequence)
                # Each token is predicted at the place before it, so the last one of the answer is not read.
                text = (*asked[item][prefix:], *wanted[item][:-1])
                first = len(asked[item]) - prefix - 1
                for offset, token in enumerate(text):
                    rows.append(Row(token, prefix + offset, sequence, wanted=offset >= first))
                    if offset >= first:
                        targets.append((item, wanted[item][offset - first]))
            sums = dict.fromkeys(group, 0.0)
            # Read in the order in which the rows were put, within this turn of the loop.
            turn = iter(targets)
            scores = self._decode(rows, stopped, lambda logits: float(log_softmax(logits)[next(turn)[1]]))  # noqa: B023
            for (item, _), score in zip(targets, scores, strict=True):
                sums[item] += score
            self._drop(len(group))
            for item in group:
                found[item] = Likelihood(sums[item] / len(wanted[item]), len(asked[item]))
        return Block(tuple(found[i] for i in range(len(prompts))), prefix)

    def measure_rates(self) -> Rates:
        """Time one long read and a short generation, after a read that warms caches and threads."""
        words = self._decoder.tokens(" time" * (_TIMED_READ + 1))[:_TIMED_READ]
        rows = [Row(token, position, 1) for position, token in enumerate(words)]
        took = []
        for _ in range(3):
            self._decoder.forget(1)
            began = time.perf_counter()
            self._decode(rows, _never, _nothing)
            took.append(time.perf_counter() - began)
        began = time.perf_counter()
        for step in range(_TIMED_WRITE):
            self._decode([Row(words[0], len(rows) + step, 1, wanted=True)], _never, _nothing)
        wrote = time.perf_counter() - began
        self._decoder.forget(1)
        return Rates(read=len(rows) / min(took), write=_TIMED_WRITE / wrote)

    def close(self) -> None:
        """Free the model."""
        self._decoder.close()

    def _generate_group(
        self,
        group: Sequence[int],
        tokens: Sequence[Tokens],
        samplings: Sequence[Sampling],
        prefix: int,
        stopped: Stopped,
    ) -> dict[int, Reply]:
        samplers = {item: Sampler(samplings[item]) for item in group}
        written: dict[int, list[int]] = {item: [] for item in group}
        sequence = {item: place for place, item in enumerate(group, start=1)}
        living = list(group)
        turn = iter(living)
        drawn = self._read_suffixes(group, tokens, prefix, stopped, lambda logits: samplers[next(turn)].draw(logits))  # noqa: PLW0108 - one sampler a row
        while living:
            for item, token in zip(living, drawn, strict=True):
                written[item].append(token)
            living = [item for item in living if not self._is_done(written[item], samplings[item])]
            turn = iter(living)
            drawn = self._decode(
                [
                    Row(written[item][-1], len(tokens[item]) + len(written[item]) - 1, sequence[item], wanted=True)
                    for item in living
                ],
                stopped,
                lambda logits: samplers[next(turn)].draw(logits),  # noqa: B023, PLW0108 - read within this turn of the loop
            )
        self._drop(len(group))
        return {
            item: Reply(self._text(written[item], samplings[item].stop), len(tokens[item]), len(written[item]))
            for item in group
        }

    def _choose_group(
        self, group: Sequence[int], tokens: Sequence[Tokens], tree: OptionTree, prefix: int, stopped: Stopped
    ) -> dict[int, Choice]:
        logprobs = {item: [0.0] * len(tree.paths) for item in group}
        node: dict[tuple[int, Tokens], int] = {(item, ()): place for place, item in enumerate(group, start=1)}
        asked = np.array(sorted({token for path in tree.paths for token in path}))
        column = {int(token): place for place, token in enumerate(asked)}

        def read(logits: Logits) -> list[float]:
            return [float(value) for value in log_softmax(logits)[asked]]

        found = self._read_suffixes(group, tokens, prefix, stopped, read)
        places: list[tuple[int, Tokens]] = [(item, ()) for item in group]
        used = len(group)
        for depth in range(tree.depth):
            for (item, path), scores in zip(places, found, strict=True):
                for index, option in enumerate(tree.paths):
                    if len(option) > depth and option[:depth] == path:
                        logprobs[item][index] += scores[column[option[depth]]]
            places = [(item, path) for item in group for path in tree.inner_nodes(depth + 1)]
            rows = []
            for item, path in places:
                used += 1
                self._decoder.copy(node[item, path[:-1]], used)
                node[item, path] = used
                rows.append(Row(path[-1], len(tokens[item]) + depth, used, wanted=True))
            found = self._decode(rows, stopped, read)
        self._drop(used)
        return {item: Choice(tuple(logprobs[item]), len(tokens[item])) for item in group}

    def _read_suffixes(
        self,
        group: Sequence[int],
        tokens: Sequence[Tokens],
        prefix: int,
        stopped: Stopped,
        read: Callable[[Logits], T],
    ) -> list[T]:
        """Decode each item's own tokens after the prefix, and return what `read` makes of the logits at its end."""
        self._load_prefix(tokens[group[0]][:prefix], stopped)
        rows: list[Row] = []
        for sequence, item in enumerate(group, start=1):
            self._decoder.copy(0, sequence)
            own = tokens[item][prefix:]
            last = len(own) - 1
            rows.extend(
                Row(token, prefix + offset, sequence, wanted=offset == last) for offset, token in enumerate(own)
            )
        return self._decode(rows, stopped, read)

    def _load_prefix(self, prefix: Tokens, stopped: Stopped) -> None:
        if prefix == self._prefix:
            return
        self._decoder.forget_all()
        self._prefix = ()
        self._decode([Row(token, position, 0) for position, token in enumerate(prefix)], stopped, _nothing)
        self._prefix = prefix

    def _decode(self, rows: Sequence[Row], stopped: Stopped, read: Callable[[Logits], T]) -> list[T]:
        try:
            return self._decoder.decode(rows, stopped, read)
        except BaseException:
            # What an interrupted decode leaves behind is not to be built upon.
            self._decoder.forget_all()
            self._prefix = ()
            raise

    def _drop(self, sequences: int) -> None:
        for sequence in range(1, sequences + 1):
            self._decoder.forget(sequence)

    def _sort(self, tokens: Sequence[Tokens], spare: Sequence[int]) -> tuple[int, list[int], dict[int, str]]:
        """Return the length of the prefix that all fitting prompts share, which fit, and why the others do not."""
        fitting, failed = [], {}
        for item, (own, extra) in enumerate(zip(tokens, spare, strict=True)):
            if len(own) + extra > self.context:
                failed[item] = f"the prompt has {len(own)} tokens and {extra} to write; {self.context} fit"
            else:
                fitting.append(item)
        if not fitting:
            return 0, fitting, failed
        low, high = min(tokens[item] for item in fitting), max(tokens[item] for item in fitting)
        shared = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
        # The last token of every prompt is its own: its logits are what is asked for.
        return min(shared, *(len(tokens[item]) - 1 for item in fitting)), fitting, failed

    def _is_done(self, written: Sequence[int], sampling: Sampling) -> bool:
        if len(written) >= sampling.max_tokens or self._decoder.ends(written[-1]):
            return True
        if not sampling.stop:
            return False
        text = self._bytes(written)
        return any(stop.encode() in text for stop in sampling.stop)

    def _text(self, written: Sequence[int], stops: Sequence[str]) -> str:
        # A token may end in the middle of a character; what is cut off there is replaced, not raised.
        text = self._bytes(written).decode(errors="replace")
        ends = [place for stop in stops if (place := text.find(stop)) >= 0]
        return text[: min(ends)] if ends else text

    def _bytes(self, written: Sequence[int]) -> bytes:
        return b"".join(self._decoder.piece(token) for token in written)


def _groups(items: Sequence[int], sizes: Sequence[int], prefix: int, most: int = SEQUENCES - 1) -> Iterator[list[int]]:
    """Cut a block, in order, into groups that fit into the cache beside the prefix; mostly it is one."""
    group: list[int] = []
    room = CELLS - prefix
    for item in items:
        if group and (sum(sizes[i] for i in group) + sizes[item] > room or len(group) >= most):
            yield group
            group = []
        group.append(item)
    if group:
        yield group


def _nothing(_: Logits) -> None:
    return None


def _never() -> bool:
    return False
