"""Resource `run://{run_id}`."""

from mcp.server import MCPServer

from promptbreeder.service import Service
from promptbreeder_resources.reading import JSON_TYPE, as_json, reading


def register(server: MCPServer[Service], service: Service) -> None:
    """Add the template."""

    @server.resource(
        "run://{run_id}",
        name="run",
        title="Run",
        description="State of an evolution run",
        mime_type=JSON_TYPE,
    )
    @reading
    async def run(run_id: str) -> str:
        return as_json(await service.get_run(run_id))
