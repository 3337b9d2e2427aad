"""`promptbreeder-mcp`: alone it serves MCP over stdio; with a command it is the command line."""

import io
import sys


def main() -> None:
    """Serve, or run the command named by the arguments."""
    if len(sys.argv) > 1:
        from promptbreeder_server.commands import cli  # noqa: PLC0415 - a server does without it

        if isinstance(sys.stdout, io.TextIOWrapper):
            # JSON is UTF-8, whatever the locale; no answer of a model may end a command; and a Modelfile with the line
            # ends of Windows would be another prompt.
            sys.stdout.reconfigure(encoding="utf-8", errors="replace", newline="\n")
        cli.main(prog_name="promptbreeder-mcp")
        return
    from promptbreeder.errors import InvalidInput  # noqa: PLC0415 - commands import what they need themselves
    from promptbreeder_server.settings import Settings  # noqa: PLC0415
    from promptbreeder_server.stdio import serve  # noqa: PLC0415

    try:
        settings = Settings.read()
    except InvalidInput as error:
        sys.stderr.write(f"promptbreeder-mcp: {error}\n")
        sys.exit(2)
    serve(settings)
