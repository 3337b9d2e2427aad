"""The program behind `matching.py`: it searches texts for patterns, and ends itself where a search takes too long.

Its only argument is the deadline in seconds. It says that it is ready, and then answers each line with one: a pattern
and texts with whether each text holds the pattern, or with why that is no pattern.
"""

import faulthandler
import json
import os
import re
import signal
import sys


def main() -> None:
    """Answer until nothing more is asked."""
    deadline = float(sys.argv[1])
    # Ctrl-C is meant for the program in whose terminal this one runs; it ends this one by asking nothing more.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("ready", flush=True)  # noqa: T201  the parent reads it
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123  `pathlib` would double the time of a start
        for line in sys.stdin:
            pattern, texts = json.loads(line)
            # The one watchdog that need not wait for the search: it is a thread outside of Python.
            faulthandler.dump_traceback_later(deadline, exit=True, file=nowhere)
            answer: list[bool] | str
            try:
                answer = [re.search(pattern, text) is not None for text in texts]
            except (re.error, RecursionError, OverflowError) as error:
                answer = str(error)
            faulthandler.cancel_dump_traceback_later()
            print(json.dumps(answer), flush=True)  # noqa: T201  the parent reads it


if __name__ == "__main__":
    main()
