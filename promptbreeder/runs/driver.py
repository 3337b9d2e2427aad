"""Driver: takes one run from its plan to a winner, or to the reason why there is none.

    baseline on the search split -> what other skills taught -> strategy, until it ends or its share of the budget does
    -> finalists measured in full -> winner -> winner against the incumbent on the gate split

Each step is an ask that is journaled with its answer before the next is made. A driver that finds a journal first
feeds it to the same generators: nothing that was answered is asked again, and the finished run is the same.
"""

from collections.abc import Awaitable, Callable
from typing import Literal

from promptbreeder.errors import ReplayMismatch
from promptbreeder.evaluation.meter import Meter
from promptbreeder.evolution import asks
from promptbreeder.evolution.asks import Strategy
from promptbreeder.evolution.telling import without_unsent
from promptbreeder.prompt import Prompt
from promptbreeder.runs.affordable import FINAL_SHARE, GATE_SHARE, enough_tokens, gate_tokens
from promptbreeder.runs.answering import Answering
from promptbreeder.runs.guests import Guests
from promptbreeder.runs.journal import AnyAnswer, AnyAsk, Entry, Gate, Gated, Journal, Probe, Stored, ask_hash
from promptbreeder.runs.ledger import Ledger
from promptbreeder.runs.outcome import Outcome, Progress
from promptbreeder.runs.plan import Plan
from promptbreeder.runs.tried import Tried

LEADERS = 5
PROBE_SHARE = 0.01
"""Of the budget: what showing failures of the best prompt may take."""
FINALISTS = 3


class _JournalEnds(Exception):
    """What is asked now was not answered before, and nobody answers it."""


class Driver:
    """Drives one run."""

    def __init__(
        self,
        plan: Plan,
        *,
        answering: Answering | None,
        ledger: Ledger,
        meter: Meter,
        journal: Journal,
        clock: Callable[[], float],
        tell: Callable[[Progress], Awaitable[None]],
    ) -> None:
        """Collaborators only; without `answering` the driver only replays.

        `clock` gives the seconds since this driver began.
        """
        self._plan = plan
        self._answering = answering
        self._ledger = ledger
        self._meter = meter
        self._journal = journal
        self._clock = clock
        self._tell = tell
        self._replay: tuple[Stored, ...] = ()
        self._caught_up = False
        self._number = 0
        self._exhausted = False
        self._seconds = 0.0
        self._seconds_before = 0.0
        self._generation: asks.Generation | None = None
        self._unsent = 0
        self._handed_over = self._begun = plan.seed_with is None
        self._probed: Probe | None = None
        self._trials: tuple[asks.Trial, ...] = ()
        self._guests = Guests(plan, ledger)
        self._tried = Tried(ledger, self._guests)
        self._probe_tokens = int(PROBE_SHARE * plan.token_limit)
        self._enough_tokens = 0

    async def run(self, strategy: Strategy) -> Outcome:
        """Drive `strategy` to the end.

        Raises:
            ReplayMismatch: if the journal was written by other code.
            LeaseLost: if another process took the run over.
            ModelError: if a backend is dead; nothing journaled is lost, the run can be resumed.
        """
        self._replay = await self._journal.read()
        self._seconds_before = self._replay[-1].entry.seconds if self._replay else 0.0
        self._keep_back(tokens=0, calls=0)
        await self._step(asks.Measure(prompts=self._plan.seeds[:1], blocks=self._ledger.all_blocks))
        items = max(1, self._ledger.full_score(self._plan.seeds[0]).items)
        self._enough_tokens = enough_tokens(self._meter.used.tokens / items * len(self._plan.search_ids))
        tokens, calls = self._gate_reserve()
        self._keep_back(tokens=tokens + int(FINAL_SHARE * self._plan.token_limit), calls=calls)
        await self._look_at_lessons()
        ended_by = await self._search(strategy)
        self._keep_back(tokens=tokens, calls=calls)
        await self._complete(self._ledger.finalists(FINALISTS))
        self._keep_back(tokens=0, calls=0)
        if not self._ledger.has_challenger():
            # A gate without a challenger is idle: what is kept for it may bring one.
            await self._complete(self._ledger.finalists(1))
        gated = None
        found = self._ledger.winner()
        if found is not None and found[0] != self._plan.seeds[0] and self._plan.gate_ids:
            answer = await self._step(
                Gate(
                    incumbent=self._plan.seeds[0],
                    challenger=found[0],
                    incumbent_prior=self._plan.incumbent_prior,
                )
            )
            gated = answer if isinstance(answer, Gated) else None
        return self._outcome(ended_by, gated)

    async def replay(self, strategy: Strategy) -> Outcome:
        """Return the outcome of a run that is cancelled where its journal ends: same rule, no more measuring.

        Raises:
            ReplayMismatch: if the journal was written by other code.
        """
        try:
            return await self.run(strategy)
        except _JournalEnds:
            return self._outcome("cancel", None)

    def _keep_back(self, *, tokens: int, calls: int) -> None:
        """Let the budget be spent but for this much of it."""
        self._meter.token_limit = self._plan.token_limit - tokens
        self._meter.call_limit = self._plan.call_limit - calls

    async def _complete(self, finalists: tuple[Prompt, ...]) -> None:
        """Measure finalists on all blocks, one at a time and best first, so that a scant budget completes some."""
        self._exhausted = False
        for prompt in finalists:
            if self._exhausted:
                break
            await self._step(asks.Measure(prompts=(prompt,), blocks=self._ledger.all_blocks, race=True))

    def _gate_reserve(self) -> tuple[int, int]:
        """Return what measuring two prompts on the gate split will take, judged by the baseline: tokens and calls."""
        plan, used, items = self._plan, self._meter.used, max(1, len(self._plan.search_ids))
        tokens = gate_tokens(plan.token_limit, used.tokens / items, len(plan.gate_ids))
        calls = min(GATE_SHARE * plan.call_limit, 2 * (used.calls // items) * len(plan.gate_ids))
        return int(tokens), int(calls)

    async def _look_at_lessons(self) -> None:
        """Measure what other skills taught, before the search that it may make short.

        Each on one block, and the best on the others for as long as it leads. The strategy has them among its seeds,
        and what is measured here costs it nothing again.
        """
        prompts, incumbent = tuple(lesson.prompt for lesson in self._plan.lessons), self._plan.seeds[0]
        if not prompts:
            return
        first, *rest = self._ledger.all_blocks
        await self._step(asks.Measure(prompts=prompts, blocks=(first,)))
        best = max(prompts, key=lambda prompt: self._ledger.lead(prompt, incumbent) or 0.0)
        for block in rest:
            if self._exhausted or (self._ledger.lead(best, incumbent) or 0.0) <= 0:
                return
            await self._step(asks.Measure(prompts=(best,), blocks=(block,)))

    def progress(self) -> Progress:
        """Return how far the run is."""
        baseline = self._ledger.full_score(self._plan.seeds[0]) if self._number else None
        return Progress(
            generation=self._generation,
            best=self._ledger.winner(),
            baseline=baseline,
            leaders=self._ledger.leaders(LEADERS),
            probed=self._trials,
            operators=self._tried.records(),
            guests=self._guests.fate(),
            used=self._meter.used,
            seconds=self._seconds,
            agreement=self._ledger.agreement(),
        )

    async def _search(self, strategy: Strategy) -> Literal["strategy", "budget", "time"]:
        try:
            ask = next(strategy)
            while True:
                # Decided by what the journal holds, not by the clock, so that a replay stops at the same place.
                if self._exhausted and not self._goes_on_in_parts():
                    return "budget"
                if self._seconds > self._plan.seconds_limit:
                    return "time"
                answer = await self._step(ask)
                if isinstance(ask, asks.Generation):
                    await self._probe()
                if self._goes_on_in_parts():
                    continue  # What was just asked is asked once more.
                ask = strategy.send(_strategic(answer))
        except StopIteration:
            return "strategy"
        finally:
            strategy.close()

    def _goes_on_in_parts(self) -> bool:
        """Send blocks in parts from now on where the budget ended before any candidate was measured; tell if so."""
        # The worst case of long inputs is several times what they cost: the budget is hardly used then.
        if self._exhausted and not self._meter.in_parts and self._ledger.knows_only(self._plan.seeds[0]):
            self._meter.in_parts, self._exhausted = True, False
            return True
        return False

    async def _probe(self) -> None:
        """See what the best prompt gets wrong, where it is another than at the last time; for the run's brief."""
        found = self._ledger.winner()
        if found is None or not self._plan.train_ids or (self._probed and self._probed.prompt == found[0]):
            return
        self._probed, before = Probe(prompt=found[0], tokens=self._probe_tokens), self._meter.used.tokens
        answer = await self._step(self._probed)
        self._probe_tokens -= self._meter.used.tokens - before
        if isinstance(answer, asks.Attempted) and answer.trials:
            self._trials = answer.trials

    async def _step(self, ask: AnyAsk) -> AnyAnswer:
        number, self._number = self._number, self._number + 1
        if isinstance(ask, asks.Generation):
            ask = self._guests.attributed(ask)
        if isinstance(ask, asks.Measure):
            self._ledger.enter(ask.prompts)
        if number < len(self._replay):
            entry = self._replayed(number, ask)
            self._meter.restore(entry.usage, entry.charged)
            self._ledger.record(entry.results)
        else:
            self._caught_up = True
            if self._answering is None:
                raise _JournalEnds
            entry = await self._answered(number, ask, self._answering)
        self._exhausted = self._exhausted or entry.exhausted
        self._seconds = entry.seconds
        self._take_in(entry.answer)
        if isinstance(ask, asks.Generation):
            self._begun = self._handed_over
            self._generation = without_unsent(ask, self._unsent)
            self._tried.note(ask.units)
        if self._caught_up:
            await self._tell(self.progress())
        return entry.answer

    def _take_in(self, answer: AnyAnswer) -> None:
        if isinstance(answer, asks.Written):
            self._unsent += answer.unsent
        if isinstance(answer, asks.HandedOver):
            self._handed_over = answer.now
        if isinstance(answer, asks.Arrived):
            self._guests.note(answer)

    def _replayed(self, number: int, ask: AnyAsk) -> Entry:
        stored = self._replay[number]
        if stored.ask_hash != ask_hash(ask):
            raise ReplayMismatch(
                f"step {number} of this run's journal is another question ({stored.ask_kind}) than the one asked now "
                f"({ask.kind}): the program changed since the run began. Resume it with the old program; or "
                "cancel_run it and start a new one with evolve_prompt."
            )
        return stored.entry

    async def _answered(self, number: int, ask: AnyAsk, answering: Answering) -> Entry:
        if isinstance(ask, asks.Immigrants):
            return await self._journal.append_arrivals(number, ask, self._now(), self._guests.welcome)
        before, known = self._meter.used, len(self._meter.seen)
        answer, results, exhausted = await answering.answer(ask)
        entry = Entry(
            answer=answer,
            usage=self._meter.used - before,
            charged=tuple(self._meter.seen)[known:],
            results=results,
            exhausted=exhausted,
            seconds=self._now(),
        )
        await self._journal.append(number, ask, entry)
        return entry

    def _now(self) -> float:
        return self._seconds_before + self._clock()

    def _outcome(self, ended_by: Literal["strategy", "budget", "time", "cancel"], gated: Gated | None) -> Outcome:
        winner, score = self._ledger.winner() or (None, None)
        baseline = self._ledger.full_score(self._plan.seeds[0]) if self._number else None
        leads = tuple(self._ledger.lead(lesson.prompt, self._plan.seeds[0]) for lesson in self._plan.lessons)
        undecided = ended_by != "strategy" and not self._ledger.has_challenger() and not self._ledger.all_have_lost()
        return Outcome(
            ended_by, winner, score, baseline, gated, undecided, self._enough_tokens, leads, begun=self._begun
        )


def _strategic(answer: AnyAnswer) -> asks.Answer:
    if isinstance(answer, Gated):
        raise TypeError("a strategy was about to be told of the gate split")
    return answer
