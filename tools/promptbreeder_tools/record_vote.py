"""Tool `record_vote`: takes the user's choice from the assistant, or asks the user for it in a form.

Without `choice` the client is asked to show a form, if it declared that it can. What comes from the form is the user's
own vote; what the assistant passes on is counted apart. A form that is declined or cancelled is no vote.
"""

from typing import Annotated, Any, Literal, Self

from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Elicit, Resolve
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult
from pydantic import BaseModel, Field, ModelWrapValidatorHandler, ValidationError, model_validator

from promptbreeder.errors import PromptBreederError
from promptbreeder.requests import explain
from promptbreeder.results import VoteReport
from promptbreeder_tools.call import Ctx, actor_of, answering, encodable, said, service_of, shows_forms
from promptbreeder_tools.declaring import declared

Choice = Literal["A", "B", "tie"]
MAX_FORM_CHARACTERS = 4_000
"""Of each text in the form."""


class Ballot(BaseModel):
    """Two answers to one input, and nobody is told which prompt gave which."""

    choice: Choice = Field(title="Which answer is better?")
    comment: str = Field(default="", max_length=2_000, title="Why (may stay empty)")

    @model_validator(mode="wrap")
    @classmethod
    def _or_say_what_to_do(cls, data: Any, validated: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401  JSON
        """Refuse a form that makes no sense in our words: the SDK's name its insides."""
        try:
            return validated(data)
        except ValidationError as error:
            raise ToolError(
                f"the form came back wrong ({encodable(explain(error))}); nothing was recorded: ask the user, then "
                "call again with choice A, B or tie"
            ) from error


class Relayed(BaseModel):
    """What the assistant says that its user chose."""

    choice: Choice


async def ask(ctx: Ctx, duel_id: str, choice: Choice | None) -> Relayed | Elicit[Ballot]:
    """Take the choice that was given, or show both answers in a form; changes nothing, since it may run twice."""
    if choice is not None:
        return Relayed(choice=choice)
    if not shows_forms(ctx):
        raise ToolError("this client shows no forms: ask the user, then call again with choice A, B or tie")
    try:
        duel = await service_of(ctx).duel(duel_id)
    except PromptBreederError as error:
        raise ToolError(encodable(str(error))) from error
    shown = (f"{name}: {text[:MAX_FORM_CHARACTERS]}" for name, text in (("A", duel.a), ("B", duel.b)))
    return Elicit("\n\n".join([f"Input: {duel.input[:MAX_FORM_CHARACTERS]}", *shown]), Ballot)


@answering
async def record_vote(
    ctx: Ctx,
    duel_id: Annotated[str, Field(max_length=40)],
    ballot: Annotated[ElicitationResult[Ballot], Resolve(ask)],
    choice: Annotated[Choice | None, Field(description="Default: the user is asked in a form")] = None,
    comment: Annotated[str, Field(max_length=2_000)] = "",
) -> Annotated[CallToolResult, VoteReport]:
    """Record the user's choice of a duel, never your own. One vote per duel."""
    if choice is not None:
        return said(await service_of(ctx).vote(duel_id, choice, actor_of(ctx), comment))
    if not isinstance(ballot, AcceptedElicitation):
        raise ToolError("the user gave no vote; nothing was recorded, and the duel stays open until it expires")
    given = ballot.data
    actor = actor_of(ctx, kind="human")
    return said(await service_of(ctx).vote(duel_id, given.choice, actor, given.comment or comment))


TOOL = declared(record_vote, "Record a vote", destructive_hint=False, idempotent_hint=False)
