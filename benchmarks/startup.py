"""How long a client waits for the server: from start to the first answered request, next to a bare server of the SDK.

    python benchmarks/startup.py [--rounds 9] [--json]

Both answer `initialize` and `tools/list` over stdio, in turn, so that whatever else the machine does hits both alike.
Compared are the medians. Goal: a ratio of at most 1.3.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GOAL = 1.3
BARE = """
from mcp.server import MCPServer
server = MCPServer("bare")
@server.tool()
def add(a: int, b: int) -> int:
    return a + b
server.run("stdio")
"""
SERVERS = {"bare": ["-c", BARE], "ours": ["-m", "promptbreeder_server"]}
REQUESTS = (
    {
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "startup", "version": "1"},
        },
    },
    {"method": "notifications/initialized"},
    {"id": 2, "method": "tools/list"},
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="starts of each server (default 9, at least 7)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        for command in SERVERS.values():
            seconds_to_answer(command, home)  # compiles and fills the file cache
        seconds: dict[str, list[float]] = {name: [] for name in SERVERS}
        for number in range(max(7, arguments.rounds)):
            # Either goes first as often as the other.
            for name in sorted(SERVERS, reverse=bool(number % 2)):
                seconds[name].append(seconds_to_answer(SERVERS[name], home))
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    ratio = medians["ours"] / medians["bare"]
    if arguments.json:
        report = {
            "benchmark": "startup",
            "ratio": round(ratio, 3),
            "goal": GOAL,
            "seconds": {name: round(median, 3) for name, median in medians.items()},
            "rounds": {name: [round(taken, 3) for taken in all_taken] for name, all_taken in seconds.items()},
            "python": platform.python_version(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        }
        print(json.dumps(report))
        return
    for name, median in medians.items():
        print(f"{name}: {median:.2f} s ({min(seconds[name]):.2f}-{max(seconds[name]):.2f})")
    print(f"ratio {ratio:.2f} (goal: at most {GOAL})")


def seconds_to_answer(command: list[str], home: str) -> float:
    """Start a server and return when the last request was answered."""
    environment = {**os.environ, "PROMPTBREEDER_HOME": str(Path(home) / "home"), "PROMPTBREEDER_MODEL": "scripted"}
    sent = "".join(json.dumps({"jsonrpc": "2.0", **request}) + "\n" for request in REQUESTS)
    began = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - the two servers above
        [sys.executable, *command],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise AssertionError
        process.stdin.write(sent)
        process.stdin.flush()
        for line in process.stdout:
            if json.loads(line).get("id") == REQUESTS[-1]["id"]:
                return time.perf_counter() - began
    message = f"{command} ended without an answer"
    raise RuntimeError(message)


if __name__ == "__main__":
    main()
