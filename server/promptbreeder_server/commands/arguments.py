"""Arguments: text is UTF-8, or is refused; names of files and models are whatever bytes the file system has."""

import click

PATH = click.UNPROCESSED


class _Text(click.types.StringParamType):
    """Text, of which nothing may be lost: bytes that are no UTF-8 would be left out where it is stored."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text; a command with another ends here."""
        text = super().convert(value, param, ctx)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail("it is not UTF-8 text; save it as UTF-8 and give it again", param, ctx)
        return text


def require_text(command: click.Command) -> None:
    """Let a command refuse arguments that are no UTF-8, but for paths."""
    for parameter in command.params:
        if parameter.type is click.STRING:
            parameter.type = _Text()
