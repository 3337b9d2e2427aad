"""Vote tests of a voter without a preference, each duel and vote a call of an MCP client: how often is one version won?

    python benchmarks/vote_tests.py [--tests 1000] [--seed 1] [--json]

Server and client are in this process, on the scripted model and a database that is thrown away. The voter tosses a coin
and the server draws the order of the answers, so the count differs a little from run to run. At most 5 % may be won.
"""

import argparse
import itertools
import json
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import anyio
from mcp import Client  # noqa: TID251 - the tools are what is tested here

from promptbreeder.evidence.intervals import wilson
from promptbreeder.models.given import Given
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.service import Service, Workbench
from promptbreeder.store.database import Database
from promptbreeder_server.server import PromptServer


def main() -> None:
    """Run the tests and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", type=int, default=1_000, help="vote tests (default 1,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the voter's coin (default 1)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = anyio.run(vote_tests, Path(folder), options.tests, Random(options.seed))
    low, high = found["interval"]
    said = (
        f"{found['won']} of {found['tests']} won, 95 % interval {low:.1%}-{high:.1%}; {found['votes']:,} votes, "
        f"{found['seconds']:.0f} s; verdicts {found['verdicts']}"
    )
    print(json.dumps(found) if options.json else said)


async def vote_tests(folder: Path, count: int, coin: Random) -> dict[str, Any]:
    """Return how `count` vote tests ended, each about two hand-written prompts of a skill of its own."""
    bench = Workbench(
        store=Database(folder / "votes.db", durable=False),
        make_catalog=lambda: Given(ScriptedModel()),
        default_model="scripted",
        default_writer=None,
        clock=time.time,
    )
    began, votes, verdicts = time.perf_counter(), 0, dict.fromkeys(("win", "lose", "futile", "inconclusive"), 0)
    async with Client(PromptServer(Service(bench))) as client:
        for number in range(count):
            skill = f"test-{number}"
            texts = {"description": "Say it.", "prompt": "One.", "variant": "Another.", "metric": "preference"}
            await _called(client, "define_skill", name=skill, **texts)
            verdict, doors = "open", itertools.count()
            while verdict == "open":
                # An input counts once.
                duel = await _called(
                    client, "compare_prompts", skill=skill, input=f"Somebody is at door {next(doors)}."
                )
                choice = coin.choice(("A", "B"))
                report = await _called(client, "record_vote", duel_id=duel["duel_id"], choice=choice)
                verdict, votes = report["verdict"], votes + 1
            verdicts[verdict] += 1
    return {
        "tests": count,
        "won": verdicts["win"],
        "interval": [round(end, 4) for end in wilson(verdicts["win"], count)],
        "votes": votes,
        "verdicts": verdicts,
        "seconds": time.perf_counter() - began,
    }


async def _called(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever the tool takes
    result = await client.call_tool(tool, arguments)
    if result.is_error or result.structured_content is None:
        raise RuntimeError(str(result.content))
    data: dict[str, Any] = result.structured_content
    return data


if __name__ == "__main__":
    main()
