"""`promptbreeder-mcp`: alone it serves MCP over stdio; with a command it is the command line."""

import io
import os
import sys
from pathlib import Path


def main() -> None:
    """Serve, or run the command named by the arguments."""
    _open_what_is_closed()
    try:
        if len(sys.argv) > 1:
            _command()
        else:
            _server()
    except KeyboardInterrupt:
        # While modules are loaded: later ones are caught where they mean something.
        sys.exit(130)


def _open_what_is_closed() -> None:
    """Put the null device in the place of standard streams that whoever started us has closed (`<&-`).

    In this order each gets its own descriptor again; else the database would get it, and whatever prints write into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open to the end


def _command() -> None:
    from promptbreeder_server.commands import cli  # noqa: PLC0415 - a server does without it

    if isinstance(sys.stdout, io.TextIOWrapper):
        # JSON is UTF-8, whatever the locale; no answer of a model may end a command; and a Modelfile with the line
        # ends of Windows would be another prompt.
        sys.stdout.reconfigure(encoding="utf-8", errors="replace", newline="\n")
    try:
        cli.main(prog_name="promptbreeder-mcp")
    except OSError as error:
        # Most likely what was printed did not fit on the disk. Python would try again as it ends, and say so at length.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(f"Error: {error}")


def _server() -> None:
    from promptbreeder.errors import InvalidInput  # noqa: PLC0415 - commands import what they need themselves
    from promptbreeder_server.settings import Settings  # noqa: PLC0415
    from promptbreeder_server.stdio import serve  # noqa: PLC0415

    try:
        settings = Settings.read()
    except InvalidInput as error:
        sys.stderr.write(f"promptbreeder-mcp: {error}\n")
        sys.exit(2)
    serve(settings)
