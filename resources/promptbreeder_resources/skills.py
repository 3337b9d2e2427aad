"""Resource `skills://index`."""

from mcp.server import MCPServer

from promptbreeder.service import Service
from promptbreeder_resources.reading import JSON_TYPE, as_json, reading


def register(server: MCPServer[Service], service: Service) -> None:
    """Add the index."""

    @server.resource(
        "skills://index",
        name="skills",
        title="Skills",
        description="All skills, with production version and gate accuracy",
        mime_type=JSON_TYPE,
    )
    @reading
    async def index() -> str:
        return as_json(await service.skills())
