"""People: what a test does in Discord through them, by the same rules that the client app enforces."""

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fakes.discord import payloads, permissions, post
from tests.fakes.discord.gateway import DIRECT_TYPING, GUILD_TYPING
from tests.fakes.discord.model import DM, Channel, File, Json, Message, User, face, walk

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5
OPTION_ATTACHMENT = 11


@dataclass(eq=False)
class Interaction:
    """One thing that a person pressed or typed, and how the bot answered."""

    id: int
    token: str
    type: int
    user: "Person"
    channel: Channel
    data: Json
    world: "FakeDiscord"
    created_at: float
    message: Message | None = None
    user_install: bool = False
    acknowledged_at: float | None = None
    response: Message | None = None
    choices: list[Json] | None = None
    modal: Json | None = None
    follow_ups: int = 0
    owners: Json = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.data.get("name") or self.data.get("custom_id"))

    @property
    def ephemeral(self) -> bool:
        return self.response is not None and self.response.ephemeral

    async def acknowledged(self) -> "Interaction":
        """The bot has answered in time."""
        await self.world.wait_for(lambda: self.acknowledged_at is not None)
        return self

    async def answer(self) -> Message:
        """The bot's message, once it is more than a promise."""
        found = await self.world.wait_for(
            lambda: self.response is not None and not self.response.loading and self.response
        )
        message: Message = found
        return message


class Person(User):
    """A human. Every method acts at once; wait for what the bot does with `discord.wait_for` or the returned record."""

    world: "FakeDiscord"

    async def say(
        self, channel: Channel, text: str = "", *, files: list[File] | None = None, reply_to: Message | None = None
    ) -> Message:
        if channel.is_thread and channel.archived:
            channel.archived = False
            self.world.emit("THREAD_UPDATE", 1, channel, payloads.thread(channel))
        more: dict[str, Any] = {"reference": reply_to, "type": 19} if reply_to else {}
        message = post.create(self.world, channel, self, {"content": text}, list(files or []), **more)
        if reply_to is not None and reply_to.author not in message.mentions:
            message.mentions.append(reply_to.author)
        return message

    async def edit(self, message: Message, text: str) -> None:
        post.change(self.world, message, {"content": text}, [])

    async def delete(self, message: Message) -> None:
        post.remove(self.world, message)

    async def typing(self, channel: Channel) -> None:
        body: Json = {"channel_id": str(channel.id), "user_id": str(self.id), "timestamp": int(self.world.clock.now())}
        if channel.guild:
            body |= {"guild_id": str(channel.guild.id), "member": payloads.member(channel.guild.members[self.id])}
        self.world.emit("TYPING_START", GUILD_TYPING if channel.guild else DIRECT_TYPING, channel, body)

    def direct(self) -> Channel:
        """The direct messages with the bot."""
        return self.world.direct(self)

    # --- commands --------------------------------------------------------------------------------

    async def slash(self, channel: Channel, command: str, *, user_install: bool = False, **options: Any) -> Interaction:
        """Options by their default names; a `File` is uploaded."""
        known = self.world.command(command)
        data: Json = {"id": str(known.id), "name": known.name, "type": 1, "options": []}
        for name, given in options.items():
            value = given
            option = self._option(known.body, name)
            if isinstance(value, File):
                attachment = self.world.attach(value)
                data.setdefault("resolved", {}).setdefault("attachments", {})[str(attachment.id)] = payloads.attachment(
                    attachment
                )
                value = str(attachment.id)
            elif option["type"] == 3 and not option.get("min_length", 0) <= len(value) <= option.get(
                "max_length", 6000
            ):
                raise AssertionError(f"Discord would not let {name} be sent: {len(value)} characters")
            elif option["type"] == 4 and not option.get("min_value", value) <= value <= option.get("max_value", value):
                raise AssertionError(f"Discord would not let {name}={value} be sent")
            data["options"].append({"name": option["name"], "type": option["type"], "value": value})
        missing = [
            o["name"]
            for o in known.body.get("options", [])
            if o.get("required") and o["name"] not in [d["name"] for d in data["options"]]
        ]
        if missing:
            raise AssertionError(f"Discord would ask for {missing}")
        return self._interact(COMMAND, channel, data, user_install=user_install)

    @staticmethod
    def _option(body: Json, name: str) -> Json:
        for option in body.get("options", []):
            if name in (option["name"], *(option.get("name_localizations") or {}).values()):
                found: Json = option
                return found
        raise KeyError(f"{body['name']} has no option {name}")

    async def autocomplete(self, channel: Channel, command: str, option: str, text: str) -> list[str]:
        """The values that the bot offers."""
        known = self.world.command(command)
        chosen = self._option(known.body, option)
        if not chosen.get("autocomplete"):
            raise AssertionError(f"{option} of {command} has no autocomplete")
        entry = {"name": chosen["name"], "type": chosen["type"], "value": text, "focused": True}
        data: Json = {"id": str(known.id), "name": known.name, "type": 1, "options": [entry]}
        interaction = await self._interact(AUTOCOMPLETE, channel, data).acknowledged()
        return [choice["value"] for choice in interaction.choices or []]

    async def message_menu(self, message: Message, name: str) -> Interaction:
        known = self.world.command(name, 3)
        resolved = {"messages": {str(message.id): payloads.message(message, self.world.bot)}}
        data: Json = {
            "id": str(known.id),
            "name": known.name,
            "type": 3,
            "target_id": str(message.id),
            "resolved": resolved,
        }
        return self._interact(COMMAND, message.channel, data)

    # --- components -----------------------------------------------------------------------------

    async def click(self, message: Message, label: str) -> Interaction:
        """By label or custom id. AssertionError when there is no such button that can be pressed."""
        for component in message.walk():
            if (
                component["type"] == 2
                and label in (face(component), component.get("custom_id"))
                and not component.get("disabled")
            ):
                data = {"component_type": 2, "custom_id": component["custom_id"]}
                return self._interact(COMPONENT, message.channel, data, message=message)
        raise AssertionError(f"there is no button {label!r}; there are {message.buttons}")

    async def choose(self, message: Message, custom_id: str, values: list[Any]) -> Interaction:
        """In a select; channels and roles are given as records."""
        for component in message.walk():
            if component.get("custom_id") == custom_id:
                data: Json = {"component_type": component["type"], "custom_id": custom_id, "values": []}
                for value in values:
                    data["values"].append(str(getattr(value, "id", value)))
                    if isinstance(value, Channel):
                        entry = {**payloads.channel(value), "permissions": str(permissions.in_channel(self, value))}
                        data.setdefault("resolved", {}).setdefault("channels", {})[str(value.id)] = entry
                    elif hasattr(value, "mentionable"):
                        data.setdefault("resolved", {}).setdefault("roles", {})[str(value.id)] = payloads.role(value)
                return self._interact(COMPONENT, message.channel, data, message=message)
        raise AssertionError(f"there is no select {custom_id!r}")

    async def submit_modal(self, interaction: Interaction, **values: str) -> Interaction:
        """Fields by custom id or label; those not given keep what they were opened with."""
        assert interaction.modal is not None, "no modal was opened"
        rows = []
        for row in interaction.modal["components"]:
            inner = row.get("components") or [row["component"]]
            for one in walk(inner):
                if one["type"] != 4:
                    continue
                given = values.get(
                    one["custom_id"], values.get(one.get("label") or row.get("label") or "", one.get("value") or "")
                )
                rows.append({"type": 1, "components": [{"type": 4, "custom_id": one["custom_id"], "value": given}]})
        data = {"custom_id": interaction.modal["custom_id"], "components": rows}
        return self._interact(MODAL, interaction.channel, data, message=interaction.message)

    # --- sending --------------------------------------------------------------------------------

    def _interact(
        self, kind: int, channel: Channel, data: Json, *, message: Message | None = None, user_install: bool = False
    ) -> Interaction:
        world, guild = self.world, channel.guild
        owners = {"1": str(self.id)} if user_install else {"0": str(guild.id if guild else 0)}
        interaction = Interaction(
            world.ids.next(),
            secrets.token_urlsafe(24),
            kind,
            self,
            channel,
            data,
            world,
            world.clock.now(),
            message,
            user_install,
            owners=owners,
        )
        world.interactions[interaction.token] = interaction
        body: Json = {
            "id": str(interaction.id),
            "application_id": str(world.application_id),
            "type": kind,
            "token": interaction.token,
            "version": 1,
            "data": data,
            "channel_id": str(channel.id),
            "channel": {**payloads.channel(channel), "permissions": str(permissions.in_channel(self, channel))},
            "app_permissions": str(permissions.in_channel(world.bot, channel)),
            "locale": self.locale,
            "entitlements": [],
            "authorizing_integration_owners": owners,
            "context": 1 if channel.type == DM else 0,
            "attachment_size_limit": guild.file_limit if guild else 10 * 1024 * 1024,
        }
        if guild is not None:
            member = payloads.member(guild.members[self.id])
            body |= {
                "guild_id": str(guild.id),
                "guild": {"id": str(guild.id), "features": [], "locale": guild.locale},
                "guild_locale": guild.locale,
                "member": {**member, "permissions": str(permissions.in_channel(self, channel))},
            }
        else:
            body["user"] = payloads.user(self)
        if message is not None:
            body["message"] = payloads.message(message, world.bot)
        world.gateway.emit("INTERACTION_CREATE", 0, guild, body)
        return interaction
