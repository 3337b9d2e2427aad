"""The MCP tools, one file each: they translate between the protocol and one method of the service."""

from mcp.server import MCPServer

from promptbreeder.service import Service
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

_TOOLS = (
    define_skill,
    evolve_prompt,
    get_run,
    cancel_run,
    run_skill,
    compare_prompts,
    record_vote,
    record_outcome,
    get_fitness,
    get_prompt,
    promote,
    rollback,
)


def register(server: MCPServer[Service]) -> None:
    """Add all tools to `server`, whose lifespan yields the service."""
    for tool in _TOOLS:
        tool.register(server)
