"""Telling clients that something changed, in both protocol eras.

Since 2026-07-28 a client listens with `subscriptions/listen`; the SDK serves that from its bus. Before, the server
declares `listChanged` and `resources.subscribe` in the handshake and sends notifications to the sessions that asked;
the SDK leaves that part to its low-level server, which is reached here and nowhere else.
"""

from collections import defaultdict
from typing import Any

from mcp.server import MCPServer, ServerRequestContext
from mcp.server.lowlevel import NotificationOptions
from mcp.server.lowlevel import Server as LowLevelServer
from mcp.server.session import ServerSession
from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp.shared.subscriptions import ResourcesListChanged, ResourceUpdated
from mcp_types import EmptyResult, NotificationParams, SubscribeRequestParams, UnsubscribeRequestParams

from promptbreeder.service import Change, Service

MAX_SUBSCRIPTIONS = 1_000
OPTIONS = NotificationOptions(resources_changed=True)


def low_level(server: MCPServer[Service]) -> LowLevelServer[Any]:
    """Return the SDK's inner server; its public name for it does not exist."""
    return server._lowlevel_server  # noqa: SLF001 - see the docstring


class Announcer:
    """Sends changes to listeners of both eras."""

    def __init__(self, bus: InMemorySubscriptionBus) -> None:
        """Publish on `bus` for the new era; sessions of the old one come in through `install`."""
        self._bus = bus
        self._sessions: list[ServerSession] = []
        self._subscribed: defaultdict[str, list[ServerSession]] = defaultdict(list)

    def install(self, server: MCPServer[Service]) -> None:
        """Take subscriptions of handshake-era clients."""
        inner = low_level(server)
        inner.add_notification_handler("notifications/initialized", NotificationParams, self._initialized)
        inner.add_request_handler("resources/subscribe", SubscribeRequestParams, self._subscribe)
        inner.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, self._unsubscribe)

    async def announce(self, change: Change) -> None:
        """Tell whoever listens which resources a change touches."""
        if change.kind == "skills":
            await self._bus.publish(ResourcesListChanged())
            for session in self._sessions:
                await session.send_resource_list_changed()
        for uri in resources_of(change):
            await self._bus.publish(ResourceUpdated(uri))
            for session in self._subscribed.get(uri, ()):
                await session.send_resource_updated(uri)

    async def _initialized(self, ctx: ServerRequestContext[Service], params: NotificationParams) -> None:
        del params
        self._sessions.append(ctx.session)

    async def _subscribe(self, ctx: ServerRequestContext[Service], params: SubscribeRequestParams) -> EmptyResult:
        listeners = self._subscribed[str(params.uri)] if len(self._subscribed) < MAX_SUBSCRIPTIONS else []
        if ctx.session not in listeners:
            listeners.append(ctx.session)
        return EmptyResult()

    async def _unsubscribe(self, ctx: ServerRequestContext[Service], params: UnsubscribeRequestParams) -> EmptyResult:
        listeners = self._subscribed.pop(str(params.uri), [])
        if rest := [session for session in listeners if session is not ctx.session]:
            self._subscribed[str(params.uri)] = rest
        return EmptyResult()


def resources_of(change: Change) -> tuple[str, ...]:
    """Return the URIs of the resources whose content a change touches."""
    production, versions = f"prompt://{change.skill}/production", f"prompt://{change.skill}/versions"
    history = f"history://{change.skill}"
    return {
        "skills": ("skills://index", production, versions, history),
        "version": (versions, history),
        "production": ("skills://index", production, history),
        "run": (f"run://{change.run_id}", "skills://index"),
    }[change.kind]
