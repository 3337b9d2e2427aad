"""What vote tests can tell: the chance of each verdict at a true preference, computed exactly.

    python benchmarks/votes.py [--votes 30] [--json]

Every way in which the votes can fall is followed to its verdict by the shipped rule (dynamic programming over wins and
losses), so nothing is sampled. Without a preference (0.5) a win is a false one.
"""

import argparse
import json
from collections import defaultdict

from promptbreeder.lifecycle.duels import VOTES_CAP, judge_votes

PREFERENCES = (0.5, 0.6, 0.7, 0.8, 0.9)


def outcomes(rate: float, cap: int) -> tuple[dict[str, float], float]:
    """Return the chance of each verdict, and the mean number of votes, where a vote is for the candidate at `rate`."""
    ended: dict[str, float] = defaultdict(float)
    votes = 0.0
    standing = {(0, 0): 1.0}
    for cast in range(1, cap + 1):
        after: dict[tuple[int, int], float] = defaultdict(float)
        for (wins, losses), chance in standing.items():
            after[wins + 1, losses] += chance * rate
            after[wins, losses + 1] += chance * (1 - rate)
        standing = {}
        for (wins, losses), chance in after.items():
            verdict = judge_votes(wins, losses, 0, days=0, votes_cap=cap).outcome
            if verdict == "open":
                standing[wins, losses] = chance
            else:
                ended[verdict] += chance
                votes += chance * cast
    return dict(ended), votes


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--votes", type=int, default=VOTES_CAP)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    for rate in PREFERENCES:
        ended, votes = outcomes(rate, given.votes)
        row = {name: round(ended.get(name, 0.0), 4) for name in ("win", "lose", "futile", "inconclusive")}
        if given.json:
            print(json.dumps({"preference": rate, "cap": given.votes, **row, "mean_votes": round(votes, 1)}))
        else:
            told = ", ".join(f"{name} {100 * chance:.1f} %" for name, chance in row.items())
            print(f"preference {rate:.1f}: {told}; {votes:.0f} votes on average")


if __name__ == "__main__":
    main()
