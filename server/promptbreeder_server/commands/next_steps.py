"""What to type next: the reports name tools, for assistants; on a terminal it takes commands."""

from collections.abc import Sequence

from promptbreeder.results import RunReport, SkillReport


def after_definition(report: SkillReport) -> SkillReport:
    """Return the report of a skill that was defined or extended, with commands as its next step."""
    skill = report.skill
    other = report.version if report.variant is None else report.variant
    if other != report.production:
        # Without train examples there is nothing to draw an input from.
        given = "" if report.examples.train else ' --input "an input"'
        commands = [f"vote {skill} --b {other}{given}", *_about(skill, other)]
    elif report.metric == "preference":
        told = "Next, with a skill file of this name and another prompt, to compare it with:"
        return report.model_copy(update={"next_step": _listed(["import skill.json"], told)})
    elif report.examples_missing:
        commands = [f"import examples.csv --skill {skill}"]
    else:
        commands = [f"evolve {skill}"]
    return report.model_copy(update={"next_step": _listed(commands)})


def after_run(report: RunReport) -> RunReport:
    """Return the report of a run, with commands as its next step."""
    skill = report.skill
    if report.status in {"queued", "running"}:
        commands = [f"evolve {skill} --run-id {report.run_id}", f"cancel {report.run_id}"]
    elif report.status == "paused":
        commands = [f"evolve {skill} --run-id {report.run_id}"]
    elif report.version is not None:
        commands = _about(skill, report.version)
    else:
        flags = "".join(f" --{name.replace('_', '-')} {value}" for name, value in report.retry.items())
        told = "Next, or with a larger --budget-tokens, or with --candidate of your own:"
        return report.model_copy(update={"next_step": _listed([f"evolve {skill}{flags}"], told)})
    return report.model_copy(update={"next_step": _listed(commands)})


def after_cancel(report: RunReport) -> RunReport:
    """Return the report of a run that was cancelled, with commands as its next step; it may not have stopped yet."""
    if report.status not in {"queued", "running"}:
        return after_run(report)
    return report.model_copy(update={"next_step": _listed([f"status {report.skill}"])})


def _about(skill: str, version: int) -> list[str]:
    return [
        f"fitness {skill} --version {version}",
        f'promote {skill} {version} --reason "better"',
        f"run {skill}",
        f'rollback {skill} --reason "changed my mind"',
    ]


def _listed(commands: Sequence[str], told: str = "Next:") -> str:
    # No comments behind commands: not every shell takes them where a line is typed.
    return "\n".join([told, *(f"  promptbreeder-mcp {command}" for command in commands)])
