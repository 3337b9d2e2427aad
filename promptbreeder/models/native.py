"""The native engine: llama.cpp's low-level API, a whole block in each decode.

    common prefix of the block -> sequence 0, decoded once, kept for the next block with the same prefix
    each item's own tokens     -> a sequence of its own that begins as a copy of sequence 0
    options of a choice        -> branches: sequences that share the item's tokens and go on with the options'
    all of them                -> as few `llama_decode` calls as fit, logits only where they are read

The prefix is either reused whole or decoded anew from an empty cache: a prefix that was put together from pieces
differs in its last bits, and the result of a block must not depend on what was computed before it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np

from promptbreeder.models.base import Block, Choice, Likelihood, Rates, Reply, Sampling
from promptbreeder.models.decoder import BATCH, CELLS, SEQUENCES, Decoder, Logits, Row
from promptbreeder.models.engine import CONTEXT, Stopped, Threads, as_trained, shared_prefix, too_long
from promptbreeder.models.option_tree import OptionTree
from promptbreeder.models.sampler import Sampler, logprobs_of

Tokens: TypeAlias = tuple[int, ...]
T = TypeVar("T")
_TIMED_READ = 128
_TIMED_WRITE = 8
_TIMES = 3
"""The best of several short runs: the machine may be busy with something else for moments."""


class NativeEngine:
    """See `promptbreeder.models.engine.Engine`."""

    exact_choice = True
    has_likelihood = True

    def __init__(self, path: Path, threads: Threads) -> None:
        """Load the model; raises ModelMissing, ModelCrashed."""
        self._decoder = Decoder(path, threads)
        self.context = min(CONTEXT, self._decoder.trained_context)
        self._prefix: Tokens = ()
        version, read = metadata.version("llama-cpp-python"), as_trained(self.context, self._decoder.beginning)
        self.description = f"llama-cpp-python {version} cells={CELLS} batch={BATCH} unified{read}"

    def generate(self, prompts: Sequence[str], samplings: Sequence[Sampling], stopped: Stopped) -> Block[Reply]:
        """Continue each prompt; all living sequences advance together."""
        tokens = [self._decoder.prompt(prompt) for prompt in prompts]
        spare = [sampling.max_tokens for sampling in samplings]
        prefix, fitting, failed = self._sort(tokens, spare)
        replies: dict[int, Reply] = {i: Reply("", 0, 0, failure=reason) for i, reason in failed.items()}
        for group in _groups(
            fitting, [len(own) - prefix + more for own, more in zip(tokens, spare, strict=True)], prefix
        ):
            replies.update(self._generate_group(group, tokens, samplings, prefix, stopped))
        return Block(tuple(replies[i] for i in range(len(prompts))), prefix)

    def choose(self, prompts: Sequence[str], options: Sequence[str], stopped: Stopped) -> Block[Choice]:
        """Return the exact log-probability of each option after each prompt."""
        tokens = [self._decoder.prompt(prompt) for prompt in prompts]
        tree = OptionTree.of([self._decoder.tokens(option) for option in options], self._decoder.end_of_turn)
        prefix, fitting, failed = self._sort(tokens, [tree.depth - 1] * len(tokens))
        scores: dict[tuple[int, Tokens, int], float] = {}
        for part in tree.parts(SEQUENCES - 1, CELLS - CONTEXT):
            sizes = [len(own) - prefix + len(part.inner_nodes()) - 1 for own in tokens]
            for group in _groups(fitting, sizes, prefix, most=(SEQUENCES - 1) // len(part.stems())):
                scores.update(self._score_group(group, tokens, part, prefix, stopped))
        return Block(
            tuple(
                Choice((), 0, failure=failed[item])
                if item in failed
                else Choice(
                    tuple(sum(scores[item, path[:i], token] for i, token in enumerate(path)) for path in tree.paths),
                    len(own),
                )
                for item, own in enumerate(tokens)
            ),
            prefix,
        )

    def likelihood(self, prompts: Sequence[str], answers: Sequence[str], stopped: Stopped) -> Block[Likelihood]:
        """Return the mean log-probability per token of each answer, the end of its turn included."""
        asked = [self._decoder.prompt(prompt) for prompt in prompts]
        wanted = [(*self._decoder.tokens(answer), self._decoder.end_of_turn) for answer in answers]
        prefix, fitting, failed = self._sort(asked, [len(answer) for answer in wanted])
        found: dict[int, Likelihood] = {i: Likelihood(0.0, 0, failure=reason) for i, reason in failed.items()}
        sizes = [len(own) - prefix + len(answer) for own, answer in zip(asked, wanted, strict=True)]
        for group in _groups(fitting, sizes, prefix):
            for item, score in self._follow_group(group, asked, wanted, prefix, stopped).items():
                found[item] = Likelihood(score / len(wanted[item]), len(asked[item]))
        return Block(tuple(found[i] for i in range(len(prompts))), prefix)

    def measure_rates(self) -> Rates:
        """Time reading and writing, after a read that warms caches and threads."""
        words = self._decoder.tokens(" time" * (_TIMED_READ + 1))[:_TIMED_READ]
        rows = [Row(token, position, (1,)) for position, token in enumerate(words)]
        read, wrote = [], []
        for _ in range(1 + _TIMES):
            self._decoder.forget(1)
            began = time.perf_counter()
            self._decode(rows, _never, _nothing)
            midway = time.perf_counter()
            for step in range(_TIMED_WRITE):
                self._decode([Row(words[0], len(rows) + step, (1,), wanted=True)], _never, _nothing)
            read.append(midway - began)
            wrote.append(time.perf_counter() - midway)
        self._decoder.forget(1)
        return Rates(read=len(rows) / min(read), write=_TIMED_WRITE / min(wrote))

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
        sequence = {item: (place,) for place, item in enumerate(group, start=1)}
        living = list(group)

        def write(number: int, logits: Logits) -> None:
            item = living[number]
            written[item].append(samplers[item].draw(logits))

        self._load_prefix(tokens[group[0]][:prefix], len(group), stopped)
        rows = [row for item in group for row in _own(tokens[item], prefix, sequence[item])]
        while living:
            self._decode(rows, stopped, write)
            # Changed in place: `write` reads it.
            living[:] = [item for item in living if not self._is_done(written[item], samplings[item])]
            rows = [
                Row(written[item][-1], len(tokens[item]) + len(written[item]) - 1, sequence[item], wanted=True)
                for item in living
            ]
        self._drop(len(group))
        return {
            item: Reply(self._text(written[item], samplings[item].stop), len(tokens[item]), len(written[item]))
            for item in group
        }

    def _score_group(
        self, group: Sequence[int], tokens: Sequence[Tokens], tree: OptionTree, prefix: int, stopped: Stopped
    ) -> dict[tuple[int, Tokens, int], float]:
        """Return, for each item, inner node of the tree and token after it, that token's log-probability there."""
        root, *nodes = tree.inner_nodes()
        stems = tree.stems()
        nexts = {node: np.array(tree.nexts(node), dtype=np.intp) for node in (root, *nodes)}
        rows: list[Row] = []
        wanted: list[tuple[int, Tokens]] = []
        for place, item in enumerate(group):
            # One sequence a stem; what stems have in common, the item's own tokens first, is decoded once for all.
            branches = [(1 + place * len(stems) + number, stem) for number, stem in enumerate(stems)]
            rows.extend(_own(tokens[item], prefix, tuple(sequence for sequence, _ in branches)))
            wanted.append((item, root))
            for node in nodes:
                through = tuple(sequence for sequence, stem in branches if stem[: len(node)] == node)
                rows.append(Row(node[-1], len(tokens[item]) + len(node) - 1, through, wanted=True))
                wanted.append((item, node))

        def read(number: int, logits: Logits) -> list[float]:
            return logprobs_of(logits, nexts[wanted[number][1]])

        self._load_prefix(tokens[group[0]][:prefix], len(group) * len(stems), stopped)
        found = self._decode(rows, stopped, read)
        self._drop(len(group) * len(stems))
        return {
            (item, node, int(token)): score
            for (item, node), scores in zip(wanted, found, strict=True)
            for token, score in zip(nexts[node], scores, strict=True)
        }

    def _follow_group(
        self, group: Sequence[int], asked: Sequence[Tokens], wanted: Sequence[Tokens], prefix: int, stopped: Stopped
    ) -> dict[int, float]:
        """Return the log-probability of each item's wanted tokens after what is asked."""
        rows: list[Row] = []
        targets: list[tuple[int, int]] = []
        for sequence, item in enumerate(group, start=1):
            # Each token is predicted at the place before it, so the last one of the answer is not read.
            rows.extend(_own(asked[item], prefix, (sequence,)))
            rows.extend(
                Row(token, len(asked[item]) + offset, (sequence,), wanted=True)
                for offset, token in enumerate(wanted[item][:-1])
            )
            targets.extend((item, token) for token in wanted[item])

        def read(number: int, logits: Logits) -> float:
            return logprobs_of(logits, np.array([targets[number][1]]))[0]

        self._load_prefix(asked[group[0]][:prefix], len(group), stopped)
        scores = self._decode(rows, stopped, read)
        self._drop(len(group))
        sums = dict.fromkeys(group, 0.0)
        for (item, _), score in zip(targets, scores, strict=True):
            sums[item] += score
        return sums

    def _load_prefix(self, prefix: Tokens, sequences: int, stopped: Stopped) -> None:
        """Make sequences 1 to `sequences` begin with `prefix`."""
        if prefix != self._prefix:
            self._forget()
            self._decode([Row(token, position, (0,)) for position, token in enumerate(prefix)], stopped, _nothing)
            self._prefix = prefix
        for sequence in range(1, sequences + 1):
            self._decoder.copy(0, sequence)

    def _decode(self, rows: Sequence[Row], stopped: Stopped, read: Callable[[int, Logits], T]) -> list[T]:
        try:
            return self._decoder.decode(rows, stopped, read)
        except BaseException:
            # What an interrupted decode leaves behind is not to be built upon.
            self._forget()
            raise

    def _forget(self) -> None:
        self._decoder.forget_all()
        self._prefix = ()

    def _drop(self, sequences: int) -> None:
        for sequence in range(1, sequences + 1):
            self._decoder.forget(sequence)

    def _sort(self, tokens: Sequence[Tokens], spare: Sequence[int]) -> tuple[int, list[int], dict[int, str]]:
        """Return the length of the prefix that all fitting prompts share, which fit, and why the others do not."""
        failed = {
            item: too_long(len(own), extra, self.context)
            for item, (own, extra) in enumerate(zip(tokens, spare, strict=True))
            if len(own) + extra > self.context
        }
        fitting = [item for item in range(len(tokens)) if item not in failed]
        return shared_prefix([tokens[item] for item in fitting]), fitting, failed

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


def _own(tokens: Tokens, prefix: int, sequences: tuple[int, ...]) -> Iterator[Row]:
    """Return the rows of an item's own tokens, those after the prefix; what follows the last one is asked for."""
    last = len(tokens) - 1
    for position in range(prefix, len(tokens)):
        yield Row(tokens[position], position, sequences, wanted=position == last)


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


def _nothing(_: int, __: Logits) -> None:
    return None


def _never() -> bool:
    return False
