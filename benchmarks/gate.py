"""What the gate can tell, computed exactly: how often a version is ready by examples alone, and with votes.

    python benchmarks/gate.py [--json]

Every way in which n examples can fall (better, worse, neither: a trinomial) is judged by the shipped rule. Two versions
that are right with chances p and p + gain can differ on many examples or on few: with a correlation (phi) of 0 they
fail independently, the higher it is the more of their failures they share. *A/A* is two versions that are equally good.
With votes: the voter has no preference, promotion is tried after every vote, and the test ends as votes end.
*Complaints* are gate examples that came from corrected wrong answers only. About production, they are left out where a
version is compared with it, and change nothing; for comparison, what they would do if they counted. About an *older*
version, they count: both versions compared are as likely to be right on them. *Needed* is how many gate examples reach
E = 20 by themselves in 8 of 10 cases.
"""

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Iterator

from promptbreeder.evidence.evalues import LOG_SHOWN, log_e_value
from promptbreeder.evidence.exact import binomial
from promptbreeder.evidence.planning import MOST_EXAMPLES, examples_needed
from promptbreeder.lifecycle.duels import VOTES_CAP, judge_votes

SIZES = (60, 100, 240)
BASES = (0.5, 0.6, 0.7)
CORRELATIONS = (0.0, 0.3, 0.6)
GAIN = 0.2
MIN_IMPROVEMENT = 0.05
GAINS, DISCORDANCES = (0.2, 0.1, 0.05), (0.2, 0.3, 0.4, 0.5)
COMPLAINTS, RIGHT = (0, 5, 10, 20), 0.8
NEGLIGIBLE = 1e-12


def shares(p: float, gain: float, phi: float) -> tuple[float, float]:
    """Return the shares of examples on which just the new version is right, and just the old one.

    Where two such accuracies cannot be correlated so highly, the new version is right wherever the old one is.
    """
    q = p + gain
    both = min(p * q + phi * math.sqrt(p * (1 - p) * q * (1 - q)), p, q)
    return q - both, p - both


def falls(n: int, better: float, worse: float) -> Iterator[tuple[int, int, float]]:
    """Yield each count of better and worse of `n` examples with its chance."""
    for b in range(n + 1):
        chance = binomial(b, n, better)
        if chance > NEGLIGIBLE:
            yield from ((b, c, chance * binomial(c, n - b, worse / (1 - better))) for c in range(n - b + 1))


def is_ahead(n: int, b: int, c: int) -> bool:
    """Tell whether the gain is as large as is asked for."""
    return b - c >= MIN_IMPROVEMENT * n - 1e-9


def by_examples(n: int, better: float, worse: float) -> tuple[float, float]:
    """Return the chance that E of the gate alone suffices, and that the new version is ahead at all."""
    ready = ahead = 0.0
    for b, c, chance in falls(n, better, worse):
        ahead += chance * (b > c)
        ready += chance * (is_ahead(n, b, c) and log_e_value(b, c) >= LOG_SHOWN)
    return ready, ahead


def by_both(n: int, better: float, worse: float) -> float:
    """Return the chance that gate and an indifferent voter together ever suffice."""
    mass: dict[float, float] = defaultdict(float)
    for b, c, chance in falls(n, better, worse):
        if is_ahead(n, b, c):
            mass[round(log_e_value(b, c), 2)] += chance
    return sum(chance * voted_up(log_e) for log_e, chance in mass.items() if chance > NEGLIGIBLE)


def if_counted(n: int, complaints: int, p: float, phi: float) -> float:
    """Return the chance that a version as good as production would be ready if complaints about production counted."""
    better, worse = shares(p, 0.0, phi)
    ready = 0.0
    for b, c, chance in falls(n, better, worse):
        for more in range(complaints + 1):
            if is_ahead(n + complaints, b + more, c) and log_e_value(b + more, c) >= LOG_SHOWN:
                # Right where production is wrong.
                ready += chance * binomial(more, complaints, better / (1 - p))
    return ready


def by_older(n: int, complaints: int, p: float, phi: float) -> float:
    """Return the chance that a version as good as production is ready by n examples and complaints about an older one.

    Where the older one was wrong, the two compared are right independently of each other.
    """
    better, worse = shares(p, 0.0, phi)
    right = better / (1 - p)
    differ = right * (1 - right)
    ready = 0.0
    for b, c, chance in falls(n, better, worse):
        for more, fewer, also in falls(complaints, differ, differ):
            if is_ahead(n + complaints, b + more, c + fewer) and log_e_value(b + more, c + fewer) >= LOG_SHOWN:
                ready += chance * also
    return ready


def voted_up(log_e: float) -> float:
    """Return the chance that votes without a preference lift this evidence of the gate to 20 before they end."""
    if log_e >= LOG_SHOWN:
        return 1.0
    lifted, standing = 0.0, {(0, 0): 1.0}
    while standing:
        after: dict[tuple[int, int], float] = defaultdict(float)
        for (wins, losses), chance in standing.items():
            after[wins + 1, losses] += chance / 2
            after[wins, losses + 1] += chance / 2
        standing = {}
        for (wins, losses), chance in after.items():
            if log_e + VOTED[wins, losses] >= LOG_SHOWN:
                lifted += chance
            elif OPEN[wins, losses]:
                standing[wins, losses] = chance
    return lifted


PAIRS = [(wins, cast - wins) for cast in range(VOTES_CAP + 1) for wins in range(cast + 1)]
VOTED = {pair: log_e_value(*pair) for pair in PAIRS}
OPEN = {pair: judge_votes(*pair, 0, days=0).outcome == "open" for pair in PAIRS}


def complaint_rows() -> Iterator[dict[str, float]]:
    """Yield what complaints as gate examples do, one row an assumption and number."""
    for phi in CORRELATIONS:
        for complaints in COMPLAINTS:
            given = (SIZES[0], complaints, RIGHT, phi)
            yield {
                "right": RIGHT,
                "phi": phi,
                "n": SIZES[0],
                "complaints": complaints,
                # As it is shipped: without the complaints (`promptbreeder.usecases.witnesses`).
                "ready": by_examples(SIZES[0], *shares(RIGHT, 0.0, phi))[0],
                "if_counted": if_counted(*given),
                "older": by_older(*given),
            }


def needed_rows() -> Iterator[dict[str, float]]:
    """Yield how many examples find a gain, by how often the two versions differ."""
    for gain in GAINS:
        for differ in (gain, *(share for share in DISCORDANCES if share > gain)):
            yield {"gain": gain, "differ": differ, "needed": examples_needed(gain, differ) or math.inf}


def rows() -> Iterator[dict[str, float]]:
    """Yield the figures, one row an assumption and size."""
    for gain in (GAIN, 0.0):
        for base in BASES:
            for phi in CORRELATIONS:
                better, worse = shares(base, gain, phi)
                for n in SIZES:
                    ready, ahead = by_examples(n, better, worse)
                    row = {"gain": gain, "base": base, "phi": phi, "differ": better + worse, "n": n, "ready": ready}
                    yield row if gain else {**row, "with_votes": by_both(n, better, worse), "naive": ahead}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    for row in rows():
        if as_json:
            print(json.dumps({name: round(number, 5) for name, number in row.items()}))
            continue
        rates = f"{row['base']:.0%} -> {row['base'] + row['gain']:.0%}"
        said = f"{rates}, correlation {row['phi']}, differ on {row['differ']:.0%}"
        print(f"{said}, {row['n']:.0f} gate examples: ready {row['ready']:.1%}", end="")
        print("" if row["gain"] else f", with votes {row['with_votes']:.1%}; merely ahead {row['naive']:.0%}")
    for row in needed_rows():
        if as_json:
            print(json.dumps(row))
            continue
        needed = f"{row['needed']:,}" if row["needed"] < math.inf else f"more than {MOST_EXAMPLES:,}"
        print(f"gain {row['gain']:.0%}, differ on {row['differ']:.0%}: needed {needed}")
    for row in complaint_rows():
        if as_json:
            print(json.dumps({name: round(number, 5) for name, number in row.items()}))
            continue
        said = f"both {row['right']:.0%} right, correlation {row['phi']}, {row['n']} fair examples"
        print(f"{said} and {row['complaints']} complaints: ready {row['ready']:.1%}", end="")
        print(f", if they counted {row['if_counted']:.1%}; about an older version {row['older']:.1%}")


if __name__ == "__main__":
    main()
