"""The MCP resources, one file a family: read-only views of what the service knows."""

from mcp.server import MCPServer

from promptbreeder.service import Service
from promptbreeder_resources import completions, history, prompts, runs, skills


def register(server: MCPServer[Service], service: Service) -> None:
    """Add all resources, and completions for them, to `server`, reading from `service`."""
    for family in (skills, prompts, history, runs, completions):
        family.register(server, service)
