"""People: what a test does in Discord through them, by the same rules that the client app enforces."""

from typing import TYPE_CHECKING, Any

from tests.fakes.discord import interaction, payloads, permissions, post
from tests.fakes.discord.gateway import DIRECT_TYPING, GUILD_TYPING
from tests.fakes.discord.interaction import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL, Interaction
from tests.fakes.discord.model import DM, PUBLIC_THREAD, VOICE_MESSAGE, Channel, File, Json, Message, User, face
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.rest_channels import make_thread

if TYPE_CHECKING:
    from tests.fakes.discord.commands import Command
    from tests.fakes.discord.server import FakeDiscord


class Person(User):
    """A human. Every method acts at once; wait for what the bot does with `discord.wait_for` or the returned record."""

    world: "FakeDiscord"

    async def say(
        self,
        channel: Channel,
        text: str = "",
        *,
        files: list[File] | None = None,
        reply_to: Message | None = None,
        **shown: Any,
    ) -> Message:
        """`shown`: stickers (names), poll, embeds, or `forwarded` (a message)."""
        body: Json = {"content": text}
        for name, wire in (("embeds", "embeds"), ("stickers", "sticker_ids"), ("poll", "poll")):
            if name in shown:
                body[wire] = shown[name]
        fields = {name: value for name, value in shown.items() if name != "embeds"}
        return self._say(channel, body, list(files or []), reply_to, fields)

    async def speak(
        self, channel: Channel, recording: bytes, seconds: float = 2.0, *, reply_to: Message | None = None
    ) -> Message:
        """A voice message: one recording and no text (resources/message, voice messages)."""
        body: Json = {"content": "", "flags": VOICE_MESSAGE}
        file = File("voice-message.ogg", recording, "audio/ogg")
        return self._say(channel, body, [file], reply_to, {"seconds": seconds})

    def _say(
        self, channel: Channel, body: Json, files: list[File], reply_to: Message | None, fields: dict[str, Any]
    ) -> Message:
        """Opens an archived thread again, as writing there does. AssertionError in a locked one."""
        if channel.is_thread and channel.locked and not permissions.may(self, channel, Permission.MANAGE_THREADS):
            raise AssertionError(f"{channel.name!r} is locked: only moderators can write there")
        if channel.is_thread and channel.archived:
            self.world.change_thread(channel, archived=False)
        seconds = fields.pop("seconds", None)
        more: dict[str, Any] = {"reference": reply_to, "type": 19} if reply_to else {}
        message = post.create(self.world, channel, self, body, files, seconds=seconds, **more, **fields)
        if reply_to is not None and reply_to.author not in message.mentions:
            message.mentions.append(reply_to.author)
        return message

    async def open_thread(self, message: Message, name: str) -> Channel:
        """A thread of the person's own on a message."""
        made = make_thread(self.world, message.channel, {"name": name}, PUBLIC_THREAD, message.id, self)
        message.thread = made
        return made

    async def edit(self, message: Message, text: str) -> None:
        post.change(self.world, message, {"content": text}, [])

    async def delete(self, message: Message) -> None:
        post.remove(self.world, message)

    async def react(self, message: Message, emoji: str) -> None:
        post.react(self.world, message, self, emoji)

    async def unreact(self, message: Message, emoji: str) -> None:
        post.unreact(self.world, message, self, emoji)

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
        self._check_offered(known, channel)
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
        return interaction.send(self, COMMAND, channel, data, user_install=user_install)

    def _check_offered(self, known: "Command", channel: Channel) -> None:
        """Whether the client app shows the command there. Default permissions are left to the bot, for admins change them."""
        contexts = known.body.get("contexts")
        if contexts is not None and (1 if channel.type == DM else 0) not in contexts:
            raise AssertionError(f"Discord does not offer /{known.name} here")
        if not permissions.may(self, channel, Permission.USE_APPLICATION_COMMANDS):
            raise AssertionError(f"{self.name} may not use commands in {channel.name!r}")

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
        asked = await interaction.send(self, AUTOCOMPLETE, channel, data).acknowledged()
        return [choice["value"] for choice in asked.choices or []]

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
        return interaction.send(self, COMMAND, message.channel, data)

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
                return interaction.send(self, COMPONENT, message.channel, data, message=message)
        raise AssertionError(f"there is no button {label!r}; there are {message.buttons}")

    async def choose(self, message: Message, custom_id: str, values: list[Any]) -> Interaction:
        """In a select; channels and roles are given as records. AssertionError for what cannot be chosen."""
        for component in message.walk():
            if component.get("custom_id") == custom_id:
                _check_choice(component, [str(getattr(value, "id", value)) for value in values])
                data: Json = {"component_type": component["type"], "custom_id": custom_id, "values": []}
                for value in values:
                    data["values"].append(str(getattr(value, "id", value)))
                    if isinstance(value, Channel):
                        entry = {**payloads.channel(value), "permissions": str(permissions.in_channel(self, value))}
                        data.setdefault("resolved", {}).setdefault("channels", {})[str(value.id)] = entry
                    elif hasattr(value, "mentionable"):
                        data.setdefault("resolved", {}).setdefault("roles", {})[str(value.id)] = payloads.role(value)
                return interaction.send(self, COMPONENT, message.channel, data, message=message)
        raise AssertionError(f"there is no select {custom_id!r}")

    async def submit_modal(self, opened: Interaction, **values: Any) -> Interaction:
        """Fields by custom id or label (lists for selects); those not given keep what they were opened with.

        AssertionError where the client app would not let the form be sent.
        """
        assert opened.modal is not None, "no modal was opened"
        answers = []
        for row in opened.modal["components"]:
            if row["type"] == 1:
                inner = [
                    self._filled(component, component.get("label") or "", values) for component in row["components"]
                ]
                answers.append({"type": 1, "id": row.get("id", 0), "components": inner})
            elif row["type"] == 18:
                field = self._filled(row["component"], row["label"], values)
                answers.append({"type": 18, "id": row.get("id", 0), "component": field})
        if values:
            raise AssertionError(f"the form has no fields {sorted(values)}")
        data = {"custom_id": opened.modal["custom_id"], "components": answers}
        return interaction.send(self, MODAL, opened.channel, data, message=opened.message)

    @staticmethod
    def _filled(field: Json, label: str, values: dict[str, Any]) -> Json:
        """One field of a form as it is sent; takes its value out of `values`."""
        key = next((one for one in (field["custom_id"], label) if one in values), None)
        made: Json = {"type": field["type"], "id": field.get("id", 0), "custom_id": field["custom_id"]}
        if field["type"] != 4:
            preset = [one["value"] for one in field.get("options", []) if one.get("default")]
            return made | {"values": preset if key is None else values.pop(key)}
        value = (field.get("value") or "") if key is None else values.pop(key)
        most, least = field.get("max_length") or 4000, field.get("min_length") or 0
        if len(value) > most or (value and len(value) < least) or (field.get("required", True) and not value):
            raise AssertionError(f"Discord would not let {label!r} be sent: {len(value)} characters")
        return made | {"value": value}


def _check_choice(select: Json, values: list[str]) -> None:
    least, most = select.get("min_values", 1), select.get("max_values", 1)
    if select.get("disabled") or not least <= len(values) <= most:
        raise AssertionError(f"{least} to {most} values can be chosen, not {values}")
    offered = [one["value"] for one in select.get("options", [])]
    if select["type"] == 3 and not set(values) <= set(offered):
        raise AssertionError(f"{values} are not among {offered}")
