"""`demo`: the main job on a packaged example, from a hand-written prompt to a measured better one."""

import json
from pathlib import Path

import click
import tabulate

import promptbreeder_server
from promptbreeder.errors import WeightsMissing
from promptbreeder.requests import EvolveRequest, SkillDefinition, parse_json
from promptbreeder.results import Row, RunReport
from promptbreeder.service import Service
from promptbreeder_server.commands.models import pull_with_bar
from promptbreeder_server.commands.next_steps import after_run
from promptbreeder_server.commands.session import ACTOR, evolve_with_bar, with_service

EXAMPLES = ("ticket-route", "commit-type", "kebab-name")
BUDGET_TOKENS = 55_000
"""Less than a run has otherwise: on ticket-route `auto` finds as much with it as with 75,000 (docs/results.md)."""


@click.command()
@click.option("--skill", type=click.Choice(EXAMPLES), default=EXAMPLES[0], show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--budget-tokens", type=int, default=BUDGET_TOKENS, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def demo(context: click.Context, skill: str, *, seed: int, budget_tokens: int, as_json: bool) -> None:
    """Evolve the prompt of an example skill on your machine and show what it brought; some minutes."""
    model = context.obj.settings().model

    async def show(service: Service) -> None:
        # First, so that a number that cannot be is refused before anything is stored.
        request = EvolveRequest.parse({"skill": skill, "seed": seed, "budget_tokens": budget_tokens})
        try:
            wanted = await service.measured_model(model)
        except WeightsMissing:
            await pull_with_bar(service, "embedded")
            wanted = await service.measured_model(model)
        definition = SkillDefinition.parse(parse_json(example_file(skill).read_text(encoding="utf-8")))
        defined = await service.define_skill(definition, ACTOR)
        if defined.model != wanted.model:
            raise click.ClickException(
                f"'{skill}' is in this data folder already, on {defined.model}, and a skill stays on its model; for "
                f"{wanted.model} take another folder: promptbreeder-mcp --home FOLDER demo"
            )
        told = str(defined.model_copy(update={"next_step": ""})).rstrip()
        click.echo(f"{told}\n{await service.headroom(skill)}", err=as_json)
        run = await evolve_with_bar(service, request)
        if run.status != "finished":
            raise click.ClickException(f"{run}")
        version = run.version or defined.production
        rows = await service.table(skill, version)
        prompt = await service.prompt(skill, version)
        if as_json:
            click.echo(json.dumps(await _report(service, run, rows, seed=seed), indent=2, ensure_ascii=False))
            return
        click.echo(f"\n{_table(rows)}\n\n{run.verdict}\n")
        click.echo("\n".join(f"[{turn.role}] {turn.content}" for turn in prompt.messages) + "\n")
        for step in await service.lineage(run.run_id):
            click.echo(f"  {step}")
        click.echo(f"\n{prompt.uri}\n\n{after_run(run).next_step}")

    with_service(context, show)


def example_file(skill: str) -> Path:
    """Return the file of an example skill: in the installed package, or in the checkout that it runs from."""
    here = Path(promptbreeder_server.__file__).parent
    packaged = here / "examples" / f"{skill}.json"
    return packaged if packaged.exists() else here.parents[1] / "examples" / f"{skill}.json"


async def _report(service: Service, run: RunReport, rows: tuple[Row, ...], *, seed: int) -> dict[str, object]:
    skill = next(line for line in await service.skills() if line.skill == run.skill)
    best = await service.prompt(run.skill, run.version)
    return {
        "skill": run.skill,
        "model": skill.model,
        "fingerprint": await service.fingerprint(run.skill),
        "seed": seed,
        "rows": [row.model_dump() for row in rows],
        "run": run.model_dump(include={"calls", "prompt_tokens", "completion_tokens", "cache_hits", "seconds"}),
        "version": run.version,
        "prompt": best.text,
    }


def _table(rows: tuple[Row, ...]) -> str:
    shown = [row.cells for row in rows]
    headers = ["on examples that the search never saw", "accuracy", "95 % interval", "n", "tokens/item"]
    return tabulate.tabulate(shown, headers, disable_numparse=True, colalign=("left", *["right"] * 4))


COMMANDS = (demo,)
