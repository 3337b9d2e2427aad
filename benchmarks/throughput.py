"""How close the embedded model comes to what its build of llama.cpp can do, and what its tricks are worth.

Everything is measured in one run, in turns and block by block, and the best repetition of each block counts: what else
the machine does then hits all sides alike, and the ratios hold on a busy machine too. See README.md.
"""

import argparse
import importlib.util
import json
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio.from_thread
import platformdirs
from sides import NativeSides, PortableSides, Seconds  # beside this file

from promptbreeder.models.base import Choose
from promptbreeder.models.embedded import EmbeddedModel
from promptbreeder.prompt import Prompt

ITEMS = 200
BLOCK = 16
SLOW_EVERY = 3
"""The slow ways are measured on every third block, and compared with ours on the same blocks."""
SKILL = Path(__file__).parents[1] / "examples" / "ticket-route.json"
INSTRUCTION = (
    "You sort incoming messages for the support team of a company with a web shop and an app. Read the customer's "
    "message and choose the queue that should handle it: account (logging in, passwords, two-factor codes, profile "
    "details, privacy, deleting accounts), billing (charges, refunds, invoices, cards, subscription payments), sales "
    "(questions before buying: prices and plans, quotes, bulk discounts, availability, demos), shipping (delivery, "
    "tracking, a wrong address, damage on the way, lost parcels, customs) or technical (bugs, crashes, errors, a "
    "device that does not work, syncing, integrations). Answer with the name of the queue only."
)
LEAST = {"native": {"efficiency": 0.95, "speedup": 3.0}, "portable": {"efficiency": 0.8}}
MOST = {"peak_mb": 700.0}


@dataclass(eq=False)
class Side:
    """One way of doing the work, and the seconds that each block took, a repetition each."""

    seconds: Seconds
    blocks: Sequence[int]
    took: dict[int, list[float]] = field(default_factory=dict)

    def measure(self, block: int) -> None:
        """Do one block once more, if it is one of this side's."""
        if block in self.blocks:
            self.took.setdefault(block, []).append(self.seconds(block))

    def best(self, blocks: Sequence[int]) -> float:
        """Return the seconds for some blocks, the best repetition of each."""
        return sum(min(self.took[block]) for block in blocks)


def requests() -> list[list[Choose]]:
    """Return the items in blocks, as the evaluator makes them."""
    skill = json.loads(SKILL.read_text(encoding="utf-8"))
    prompt = Prompt(instruction=INSTRUCTION)
    asked = [Choose(prompt.render(example["input"]), tuple(skill["labels"])) for example in skill["examples"][:ITEMS]]
    return [asked[start : start + BLOCK] for start in range(0, len(asked), BLOCK)]


def measure(engine: str, folder: Path, repeat: int) -> dict[str, Any]:
    """Return all figures for one engine."""
    blocks = requests()
    model = EmbeddedModel("", folder, engine="native" if engine == "native" else "portable")
    with anyio.from_thread.start_blocking_portal() as portal:

        def choose(number: int) -> None:
            portal.call(model.choose, blocks[number])

        portal.call(model.open)
        made = (NativeSides if engine == "native" else PortableSides)(model, blocks, choose)
        # Before anything else is loaded: what the product needs.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
        made.load_rivals()
        every, some = range(len(blocks)), range(0, len(blocks), SLOW_EVERY)
        ours, raw = Side(made.ours, every), Side(made.raw, every)
        shipped, single = Side(made.shipped, some), Side(made.one_by_one, some)
        least = Side(made.first_token, some) if isinstance(made, NativeSides) else single
        for _ in range(repeat):
            for number in every:
                for side in dict.fromkeys((ours, raw, shipped, single, least)):
                    side.measure(number)
        portal.call(model.aclose)
    items = sum(map(len, blocks))
    return {
        "engine": engine,
        "fingerprint": model.fingerprint,
        "items": items,
        "tokens": made.tokens,
        "raw_tokens_per_second": made.tokens / raw.best(every),
        "tokens_per_second": made.tokens / ours.best(every),
        "items_per_second": items / ours.best(every),
        "efficiency": raw.best(every) / ours.best(every),
        "one_by_one_items_per_second": sum(len(blocks[number]) for number in some) / single.best(some),
        "speedup": single.best(some) / ours.best(some),
        "speedup_over_one_token": least.best(some) / ours.best(some),
        "format_gain": shipped.best(some) / raw.best(some),
        "peak_mb": peak,
    }


def missed(found: dict[str, Any]) -> list[str]:
    """Return the figures that are not as they should be."""
    low = [name for name, least in LEAST[found["engine"]].items() if found[name] < least]
    return low + [name for name, most in MOST.items() if found[name] > most]


def table(found: dict[str, Any]) -> str:
    """Return the figures for people."""
    wanted = {name: f"at least {least}" for name, least in LEAST[found["engine"]].items()}
    wanted.update({name: f"at most {most:.0f}" for name, most in MOST.items()})
    rows = [
        f"{name.replace('_', ' '):<28} {value if not isinstance(value, float) else f'{value:,.2f}':>12}"
        f"  {wanted.get(name, '')}".rstrip()
        for name, value in found.items()
        if name not in {"fingerprint", "missed"}
    ]
    return "\n".join([found["fingerprint"], *rows])


def main() -> int:
    """Measure and print; 1 if a figure is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=sorted(LEAST), required=True)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="repetitions; the best counts (default: 3)")
    default = Path(platformdirs.user_data_dir("promptbreeder-mcp", appauthor=False)) / "models"
    parser.add_argument("--models", type=Path, default=default, help="converted weights (default: the product's)")
    options = parser.parse_args()
    if importlib.util.find_spec({"native": "llama_cpp", "portable": "xllamacpp"}[options.engine]) is None:
        parser.error(f"the {options.engine} engine is not installed")
    found = measure(options.engine, options.models, options.repeat)
    found["missed"] = missed(found)
    print(json.dumps(found) if options.json else table(found))
    return 1 if found["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
