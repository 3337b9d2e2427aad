"""What to type next: the reports name tools, for assistants; on a terminal it takes commands."""

from collections.abc import Sequence

from promptbreeder.results import RunReport, SkillReport


def after_definition(report: SkillReport) -> SkillReport:
    """Return the report of a skill that was defined or extended, with commands as its next step."""
    skill = report.skill
    other = report.version if report.variant is None else report.variant
    if other != report.production:
        commands = [f"vote {skill} --b {other}", *_about(skill, other)]
    elif report.metric == "preference":
        commands = ["import skill.json   # a skill file of this name with another prompt, to compare it with"]
    elif report.examples_missing:
        commands = [f"import examples.csv --skill {skill}"]
    else:
        commands = [f"evolve {skill}"]
    return report.model_copy(update={"next_step": _listed(commands)})


def after_run(report: RunReport) -> RunReport:
    """Return the report of a run, with commands as its next step."""
    skill = report.skill
    if report.status in {"queued", "running"}:
        commands = [f"evolve {skill} --run-id {report.run_id}   # follows it", f"cancel {report.run_id}"]
    elif report.status == "paused":
        commands = [f"evolve {skill} --run-id {report.run_id}   # goes on where it stopped"]
    elif report.version is not None:
        commands = _about(skill, report.version)
    else:
        commands = [f"evolve {skill} --seed 2   # or a larger --budget-tokens, or --candidate of your own"]
    return report.model_copy(update={"next_step": _listed(commands)})


def _about(skill: str, version: int) -> list[str]:
    return [
        f"fitness {skill} --version {version}",
        f"promote {skill} {version} --reason 'better'",
        f'run {skill}   # answers lines of {{"input": "..."}} on stdin',
        f"rollback {skill} --reason 'changed my mind'",
    ]


def _listed(commands: Sequence[str]) -> str:
    return "\n".join(["Next:", *(f"  promptbreeder-mcp {command}" for command in commands)])
