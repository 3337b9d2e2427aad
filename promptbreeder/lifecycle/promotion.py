"""Promotion: is a version ready to replace production, and if not, what is missing. Pure.

A version is ready when its gate estimate is ahead by the least improvement asked for and not significantly worse, its
guards hold, and the evidence of gate and votes together reaches 20. The two are independent data, so their e-values
multiply: strong gate evidence shortens the voting, and votes rescue a small gate. An input that is a gate example
counts there, and a vote on it is no further evidence.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from promptbreeder.evidence.evalues import LOG_SHOWN, LOG_SUSPECTED, SHOWN, as_number, log_e_value, wins_needed
from promptbreeder.lifecycle.duels import votes_in_a_row
from promptbreeder.lifecycle.gate import RENEWED_SHARE, WORN_AFTER, Comparison, examples_for, told_left_out
from promptbreeder.results import PromotionVerdict
from promptbreeder.skill import MIN_GATE_EXAMPLES

ROUNDING = 1e-9
"""Accuracies are sums of floats: what is asked for exactly must not fail by their rounding."""


class Bar(NamedTuple):
    """What a skill asks of a version."""

    latency_limit: float
    """Seconds for one answer with a warm prefix."""
    min_improvement: float = 0.05
    token_limit: float | None = None
    """Most tokens of an answer on average, read anew with a warm prefix and generated; None sets no limit."""
    min_accuracy: float | None = None


class Cost(NamedTuple):
    """What answering the gate examples took."""

    latency: float
    """Seconds for one answer with a warm prefix."""
    tokens: float
    """Tokens of one answer on average, read anew with a warm prefix and generated."""
    unparsable: int


class Votes(NamedTuple):
    """Votes for and against the version, in duels with production."""

    wins: int = 0
    losses: int = 0
    ties: int = 0
    gate_wins: int = 0
    """Of the wins: on inputs that are among the gate examples compared on."""
    gate_losses: int = 0
    """The same of the losses."""
    left_out: int = 0
    """Votes beside these, on inputs that one of the two was chosen by or shows: no evidence."""

    @property
    def beside_gate(self) -> tuple[int, int]:
        """Wins and losses on inputs that the gate does not count."""
        return self.wins - self.gate_wins, self.losses - self.gate_losses

    @property
    def log_e(self) -> float:
        """Logarithm of the evidence that the version is preferred, as far as it is independent of the gate's."""
        return log_e_value(*self.beside_gate)

    @property
    def say_lose(self) -> bool:
        """Whether production is preferred."""
        return log_e_value(self.losses, self.wins) >= LOG_SUSPECTED


@dataclass(frozen=True, slots=True)
class Readiness:
    """The verdict on a promotion and what it rests on."""

    verdict: PromotionVerdict
    sentence: str
    gate: Comparison | None
    """None for a skill that is judged by votes alone."""
    product: float
    """The evidence that counts: gate times votes."""
    more_gate_examples: int | None = None
    """So many more gate examples, with these votes, suffice with 80 % probability; None where none would help."""
    more_votes: int | None = None
    """So many more votes in a row, with this gate, suffice; None where none would help."""

    @property
    def ready(self) -> bool:
        """Whether the version may be promoted without force."""
        return self.verdict == "ready"


def readiness(
    gate: Comparison, votes: Votes, bar: Bar, *, cost: Cost, incumbent_cost: Cost, gate_uses: int
) -> Readiness:
    """Return whether a version that was compared with production on the gate split is ready.

    `gate_uses` counts the earlier uses of the gate since it was renewed. A worn gate can still speak against a version
    but no longer for it: then the votes must do it alone.
    """
    worn = gate_uses >= WORN_AFTER
    counted = min(0.0, gate.log_e) if worn else gate.log_e
    product = counted + votes.log_e
    facts = _facts(gate, votes, product)

    def says(
        verdict: PromotionVerdict, why: str, more_gate_examples: int | None = None, more_votes: int | None = None
    ) -> Readiness:
        sentence = f"{verdict.capitalize()}: {f'{why}; ' if why else ''}{facts}."
        return Readiness(verdict, sentence, gate, as_number(product), more_gate_examples, more_votes)

    if gate.n < MIN_GATE_EXAMPLES:
        missing = MIN_GATE_EXAMPLES - gate.n
        why = f"{MIN_GATE_EXAMPLES} gate examples are the least; about {examples_for(missing)} more examples are needed"
        return says("insufficient examples", why, more_gate_examples=missing)
    if against := [*_worse(gate, votes), *_broken_guards(gate, bar, cost, incumbent_cost)]:
        return says("worse", " and ".join(against))
    if gate.difference < bar.min_improvement - ROUNDING:
        return says("more evidence needed", f"at least {bar.min_improvement * 100:+.1f} points are asked for")
    if product >= LOG_SHOWN:
        return says("ready", "")
    more_votes = wins_needed(*votes.beside_gate, LOG_SHOWN - counted)
    if worn:
        # A fifth of the renewed gate must be new.
        new = math.ceil(gate.n * RENEWED_SHARE / (1 - RENEWED_SHARE))
        why = (
            f"{gate_uses} candidates were judged by these gate examples; about {examples_for(new)} new examples or "
            f"{votes_in_a_row(more_votes)} are needed"
        )
        return says("gate worn", why, new, more_votes)
    more = gate.more_examples(LOG_SHOWN - votes.log_e)
    ways = [votes_in_a_row(more_votes)]
    if more is not None:
        ways.insert(0, f"about {examples_for(more)} more examples ({more} of them for the gate)")
    return says("more evidence needed", f"{' or '.join(ways)} would do", more, more_votes)


def without_gate(votes: Votes, left_out: int = 0) -> Readiness:
    """Return the verdict where there is not one gate example to compare by."""
    none = f"none of the gate split counts ({told_left_out(left_out)})" if left_out else "none is in the gate split"
    sentence = f"Insufficient examples: {none}; about {examples_for(MIN_GATE_EXAMPLES)} are needed."
    return Readiness("insufficient examples", sentence, None, as_number(votes.log_e), MIN_GATE_EXAMPLES)


def readiness_by_votes(votes: Votes) -> Readiness:
    """Return whether a version of a skill that is judged by taste alone is ready."""
    verdict: PromotionVerdict = "more evidence needed"
    needed = wins_needed(*votes.beside_gate)
    told = _told(votes)
    why = f"{votes_in_a_row(needed)} would do; {told}"
    if votes.say_lose:
        verdict, why = "worse", f"production is preferred; {told}"
    elif not needed:
        verdict, why = "ready", told
    more_votes = needed if verdict == "more evidence needed" else None
    return Readiness(verdict, f"{verdict.capitalize()}: {why}.", None, as_number(votes.log_e), None, more_votes)


def _worse(gate: Comparison, votes: Votes) -> list[str]:
    against = []
    if gate.log_e_reverse >= LOG_SUSPECTED:
        against.append("it is significantly below production")
    elif gate.difference < -ROUNDING:
        against.append("it is below production")
    if votes.say_lose:
        against.append("the votes prefer production")
    return against


def _broken_guards(gate: Comparison, bar: Bar, cost: Cost, incumbent: Cost) -> list[str]:
    broken = []
    if cost.latency > bar.latency_limit:
        broken.append(f"an answer takes {cost.latency:.2f} s where {bar.latency_limit:g} s is the limit")
    if cost.unparsable > incumbent.unparsable:
        broken.append(f"{cost.unparsable} answers are unparsable, {incumbent.unparsable} of production")
    if bar.token_limit is not None and cost.tokens > bar.token_limit:
        broken.append(f"an answer takes {cost.tokens:.0f} tokens where {bar.token_limit:g} is the limit")
    if bar.min_accuracy is not None and gate.accuracy.accuracy < bar.min_accuracy - ROUNDING:
        broken.append(f"its accuracy is {gate.accuracy.accuracy:.2f} where {bar.min_accuracy:g} is asked for")
    return broken


def _facts(gate: Comparison, votes: Votes, log_product: float) -> str:
    left_out = f"; {told_left_out(gate.left_out)}" if gate.left_out else ""
    return (
        f"{gate.difference * 100:+.1f} points on {gate.n} gate examples ({gate.better} better, {gate.worse} worse, "
        f"E {gate.e:.3g}{left_out}), {_told(votes)}, together {as_number(log_product):.3g} of {SHOWN:g}"
    )


def _told(votes: Votes) -> str:
    on_gate = votes.gate_wins + votes.gate_losses
    apart = f"; {on_gate} on gate examples, which count there" if on_gate else ""
    seen = f"; {votes.left_out} left out: on inputs that a version was chosen by or shows" if votes.left_out else ""
    return f"votes {votes.wins} to {votes.losses} (E {as_number(votes.log_e):.3g}{apart}{seen})"
