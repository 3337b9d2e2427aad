"""The MCP tools, one file each: they translate between the protocol and one method of the service."""

from promptbreeder_tools import (
    cancel_run,
    compare_prompts,
    define_skill,
    evolve_prompt,
    get_fitness,
    get_prompt,
    get_run,
    promote,
    record_outcome,
    record_vote,
    rollback,
    run_skill,
)

TOOLS = (
    define_skill.TOOL,
    evolve_prompt.TOOL,
    get_run.TOOL,
    cancel_run.TOOL,
    run_skill.TOOL,
    compare_prompts.TOOL,
    record_vote.TOOL,
    record_outcome.TOOL,
    get_fitness.TOOL,
    get_prompt.TOOL,
    promote.TOOL,
    rollback.TOOL,
)
"""For a server whose lifespan yields the service."""
