"""REST: answers to interactions and their follow-ups (documentation: receiving-and-responding)."""

from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.discord import payloads, post
from tests.fakes.discord.commands import check_choices
from tests.fakes.discord.components import check_modal
from tests.fakes.discord.errors import (
    already_acknowledged,
    invalid,
    token_expired,
    too_many_follow_ups,
    unknown_interaction,
    unknown_message,
)
from tests.fakes.discord.model import EPHEMERAL, LOADING, File, Json, Message
from tests.fakes.discord.rest_messages import Handle

if TYPE_CHECKING:
    from tests.fakes.discord.interaction import Interaction
    from tests.fakes.discord.server import FakeDiscord

FIRST_ANSWER, TOKEN_LIFE = 3.0, 900.0
MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9


def routes(world: "FakeDiscord") -> list[tuple[str, str, Handle]]:
    def new_message(interaction: "Interaction", body: Json, files: list[File], *, flags: int = 0) -> Message:
        flags |= EPHEMERAL if interaction.forced_private else 0
        private = int(body.get("flags") or 0) | flags
        return post.create(
            world, interaction.channel, world.bot, body, files, interaction=interaction, webhook_id=world.application_id, flags=flags,
            type=20 if interaction.type == 2 else 0, ephemeral_to=interaction.user if private & EPHEMERAL else None,
        )  # fmt: skip

    def placeholder(interaction: "Interaction", flags: int) -> Message:
        flags |= EPHEMERAL if interaction.forced_private else 0
        message = Message(
            world.ids.next(), interaction.channel, world.bot, "", type=20, flags=flags | LOADING, interaction=interaction,
            webhook_id=world.application_id, ephemeral_to=interaction.user if flags & EPHEMERAL else None,
        )  # fmt: skip
        post.place(world, message)
        return message

    async def callback(request: web.Request) -> web.Response:
        body, files = await post.read(request)
        interaction = world.interactions.get(request.match_info["token"])
        if interaction is None or str(interaction.id) != request.match_info["interaction_id"]:
            raise unknown_interaction()
        if interaction.acknowledged_at is not None:
            raise already_acknowledged()
        if world.clock.now() - interaction.created_at > FIRST_ANSWER:
            world.violation(f"interaction {interaction.name} was answered after more than three seconds")
            raise unknown_interaction()
        kind, data = int(body["type"]), body.get("data") or {}
        _answer(interaction, kind, data, files)
        interaction.acknowledged_at = world.clock.now()
        world.changed()
        if request.query.get("with_response") in ("true", "True", "1"):
            resource: Json = {"type": kind}
            if interaction.response is not None and kind in (MESSAGE, DEFERRED, UPDATE):
                resource["message"] = payloads.message(interaction.response, world.bot)
            about: Json = {
                "id": str(interaction.id),
                "type": interaction.type,
                "response_message_ephemeral": interaction.ephemeral,
            }
            if interaction.response is not None:
                about |= {
                    "response_message_id": str(interaction.response.id),
                    "response_message_loading": interaction.response.loading,
                }
            return web.json_response({"interaction": about, "resource": resource})
        return web.Response(status=204)

    def _answer(interaction: "Interaction", kind: int, data: Json, files: list[File]) -> None:
        match kind:
            case 4:
                interaction.response = new_message(interaction, data, files)
            case 5:
                interaction.response = placeholder(interaction, int(data.get("flags") or 0))
            case 6 | 7 if interaction.message is None:
                raise invalid("type", "INTERACTION_INVALID_TYPE", "Only components may update their message")
            case 6:
                interaction.response = interaction.message
            case 7:
                interaction.response = post.change(world, _needed(interaction.message), data, files)
            case 8:
                check_choices(data.get("choices") or [], 3)
                interaction.choices = data.get("choices") or []
            case 9:
                if interaction.type == 5:
                    raise invalid("type", "INTERACTION_INVALID_TYPE", "A modal cannot answer a modal")
                check_modal(data)
                interaction.modal = data
            case _:
                raise invalid("type", "BASE_TYPE_CHOICES", "unknown callback type")

    def by_token(request: web.Request) -> "Interaction":
        interaction = world.interactions.get(request.match_info["token"])
        if interaction is None or world.clock.now() - interaction.created_at > TOKEN_LIFE:
            raise token_expired()
        if interaction.acknowledged_at is None:
            raise unknown_message()
        return interaction

    def target(request: web.Request) -> Message:
        interaction, which = by_token(request), request.match_info["message_id"]
        if which == "@original":
            if interaction.response is None or interaction.response.deleted_at is not None:
                raise unknown_message()
            return interaction.response
        found = interaction.channel.messages.get(int(which))
        if found is None:
            raise unknown_message()
        return found

    async def follow_up(request: web.Request) -> web.Response:
        body, files = await post.read(request)
        interaction = by_token(request)
        if (
            interaction.response is not None
            and interaction.response.loading
            and interaction.response.deleted_at is None
            and interaction.response.author is world.bot
        ):
            # The first follow-up fills the answer that was promised, and is as private as it was.
            made = post.change(world, interaction.response, body, files)
        else:
            interaction.follow_ups += 1
            if interaction.user_install and interaction.follow_ups > 5:
                raise too_many_follow_ups()
            made = new_message(interaction, body, files)
            interaction.followed.append(made)
            world.changed()
        return web.json_response(payloads.message(made, world.bot))

    async def get(request: web.Request) -> web.Response:
        return web.json_response(payloads.message(target(request), world.bot))

    async def edit(request: web.Request) -> web.Response:
        body, files = await post.read(request)
        return web.json_response(payloads.message(post.change(world, target(request), body, files), world.bot))

    async def delete(request: web.Request) -> web.Response:
        post.remove(world, target(request))
        return web.Response(status=204)

    hook = "/webhooks/{webhook_id}/{token}"
    return [
        ("POST", "/interactions/{interaction_id}/{token}/callback", callback),
        ("POST", hook, follow_up),
        ("GET", f"{hook}/messages/{{message_id}}", get),
        ("PATCH", f"{hook}/messages/{{message_id}}", edit),
        ("DELETE", f"{hook}/messages/{{message_id}}", delete),
    ]


def _needed(message: Any) -> Message:
    assert message is not None
    found: Message = message
    return found
