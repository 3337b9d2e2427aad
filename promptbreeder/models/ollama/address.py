"""Where a server is: OLLAMA_HOST, read as Ollama reads it."""

import contextlib
import ipaddress
from urllib.parse import urlsplit

from ollama._client import _parse_host

from promptbreeder.errors import InvalidInput


def address_of(host: str | None) -> str:
    """Return the URL of the server that `host` names; a bare IPv6 address stands without brackets there.

    Raises:
        InvalidInput: if it names none.
    """
    host = (host or "").strip()
    with contextlib.suppress(ValueError):
        host = f"[{ipaddress.IPv6Address(host)}]"
    try:
        address = _parse_host(host)
        named = urlsplit(address)
        port = named.port
    except ValueError as error:
        raise InvalidInput(
            f"OLLAMA_HOST is {host[:80]!r}, which is no address ({error}): write for example 127.0.0.1:11434, or unset "
            "it"
        ) from error
    ip = _ip(address)
    if ip is None or not ip.is_unspecified:
        return address
    # A server told to listen on all addresses is reached on this machine's own.
    here = "127.0.0.1" if ip.version == 4 else "[::1]"  # noqa: PLR2004 - the two versions of the protocol
    return named._replace(netloc=f"{here}:{port}").geturl()


def is_local(address: str) -> bool:
    """Tell whether a URL is of this machine: what goes there must not go through a proxy."""
    ip = _ip(address)
    return urlsplit(address).hostname == "localhost" if ip is None else ip.is_loopback


def _ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP address that a URL holds, or None for a name."""
    try:
        return ipaddress.ip_address(urlsplit(address).hostname or "")
    except ValueError:
        return None
