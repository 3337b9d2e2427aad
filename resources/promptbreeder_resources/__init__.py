"""The MCP resources, one file a family: read-only views of what the service knows."""

from mcp.server import MCPServer

from promptbreeder.service import Service
from promptbreeder_resources import history, prompts, runs, skills


def register(server: MCPServer[Service], service: Service) -> None:
    """Add all resources to `server`, reading from `service`."""
    for family in (skills, prompts, history, runs):
        family.register(server, service)
