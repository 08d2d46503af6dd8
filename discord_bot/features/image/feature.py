"""Pictures: who may order one, which are running, and what a restart leaves behind."""

import asyncio
import re
from dataclasses import replace

import discord
import structlog

from antiphon import events
from discord_bot.admission import Refused
from discord_bot.conversation.attachments import read
from discord_bot.conversation.title import file_name
from discord_bot.features.image import buttons
from discord_bot.features.image.card import Drawing, progress_text, recalled
from discord_bot.features.image.job import Job
from discord_bot.features.image.options import Wish
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, asker_of, private
from discord_bot.quotas import Ticket
from discord_bot.services import Services
from discord_bot.store.pictures import OrderState, PictureOrder

log = structlog.get_logger(__name__)
SIGN = 0.7  # seconds in which a file is read before anything is announced: a bad file is refused privately
LAST_WORDS = 10.0  # seconds for running jobs to say that they are interrupted
MATURE = re.compile(
    r"\b(nsfw|nude|naked|porn\w*|erotic\w*|hentai|sex\w*|gore|голы[ейхм]\w*|порно\w*|эроти\w*|секс\w*)\b", re.IGNORECASE
)


class ImageFeature:
    def __init__(self, services: Services) -> None:
        self.services = services
        self.jobs: dict[int, Job] = {}

    async def begin(self, interaction: BotInteraction, wish: Wish, input_image: events.Image | None = None) -> None:
        """Draws in a new message that answers the interaction."""
        locale, store = interaction.locale.value, self.services.store
        try:
            if key := self._mature(interaction, wish):
                raise Refused(t(locale, key))
            ticket = await self.services.admission.admit(
                asker_of(interaction), locale, place=interaction.id, count=wish.count, pictures=wish.count
            )
        except Refused as refused:
            await self._refuse(interaction, str(refused))
            return
        channel_id, owner = interaction.channel_id or 0, interaction.user.id
        beginning = (input_image.mime, input_image.data) if input_image is not None else None
        async with self.services.ledger.refunded_on_failure(lambda: store.usage.refund(ticket.charge)):
            keeping = await store.wishes.keeping([owner, *wish.authors])
            order = await store.pictures.create(
                owner, interaction.guild_id, channel_id, wish.stored(), locale, keeping, beginning
            )
            job = await self._job(interaction, order, wish, ticket, input_image)
        # Stored before it is shown: its button may be pressed at once.
        self.jobs[order.id] = job
        self.services.metrics.running.inc()
        try:
            await self._show(interaction, wish, order)
            await job.run()
        finally:
            self.services.metrics.running.dec()
            self.jobs.pop(order.id, None)

    @staticmethod
    async def _show(interaction: BotInteraction, wish: Wish, order: PictureOrder) -> None:
        text, view = progress_text(order.locale, Drawing(wish.prompt)), buttons.running(order.id, order.locale)
        if interaction.response.is_done():
            await interaction.edit_original_response(content=text, view=view)
        else:
            await interaction.response.send_message(text, view=view or discord.utils.MISSING)

    async def _job(
        self,
        interaction: BotInteraction,
        order: PictureOrder,
        wish: Wish,
        ticket: Ticket,
        input_image: events.Image | None,
    ) -> Job:
        config = self.services.config.bot
        scope = await self.services.store.settings.scope(order.guild_id, order.channel_id, order.owner_id)
        wishes = [choice for choice in (wish.model, scope.guild.image_model, config.image_model) if choice]
        model = await self.services.catalogue.choose(wishes, "image")
        footer = scope.footer(config.footer)
        return Job(self.services, interaction, order, wish, ticket, model, input_image, footer=footer)

    @staticmethod
    async def _refuse(interaction: BotInteraction, text: str) -> None:
        """To the person alone; a message that was announced already is removed."""
        if interaction.response.is_done():
            await interaction.delete_original_response()
        await private(interaction, text)

    def _mature(self, interaction: BotInteraction, wish: Wish) -> str | None:
        rule = self.services.config.bot.mature_pictures
        if rule == "allow" or not MATURE.search(wish.prompt):
            return None
        channel = interaction.channel
        restricted = getattr(channel, "nsfw", False) or getattr(getattr(channel, "parent", None), "nsfw", False)
        return None if rule == "age_restricted_only" and restricted else "access-mature"

    def cancel(self, order_id: int) -> bool:
        job = self.jobs.get(order_id)
        return job is not None and job.cancel()

    @staticmethod
    def wish_of(order: PictureOrder, message: discord.Message | None) -> Wish:
        """The order. If its words are not stored, they are in Discord above the button."""
        wish = Wish.restored(order.wish).written_by(order.owner_id)
        if wish.prompt or message is None:
            return wish
        return wish.with_prompt(
            recalled(message.content, [attachment.description for attachment in message.attachments])
        )

    async def beginning(self, order_id: int) -> events.Image | None:
        """The picture that an order started from: drawing again starts from it, too."""
        stored = await self.services.store.pictures.beginning(order_id)
        return events.Image(*stored) if stored else None

    async def begin_from(self, interaction: BotInteraction, wish: Wish, file: discord.Attachment | None) -> None:
        """Starts from a picture that a person has sent, or that is in Discord; None: from nothing."""
        if file is None:
            await self.begin(interaction, wish)
            return
        # What begins with a hidden picture is hidden, too.
        locale, wish = interaction.locale.value, replace(wish, spoiler=wish.spoiler or file.is_spoiler())
        if key := self._mature(interaction, wish):
            await self._refuse(interaction, t(locale, key))
            return
        if not interaction.response.is_done():
            denied = await self.services.admission.refusal(
                asker_of(interaction), locale, place=interaction.id, count=wish.count, pictures=True
            )
            if denied:
                await private(interaction, denied)
                return
        reading = asyncio.ensure_future(read([file], locale))
        await asyncio.wait({reading}, timeout=SIGN)
        if not reading.done() and not interaction.response.is_done():
            await interaction.response.defer(thinking=True)
        content = await reading
        if content.images:
            await self.begin(interaction, wish, events.Image(*content.images[0]))
            return
        # Text files are readable, but cannot be drawn from.
        notices = content.notices or [t(locale, "notice-unreadable", name=file_name(file.filename))]
        await self._refuse(interaction, "\n".join(notices))

    async def on_delete(self, channel_id: int, message_ids: set[int]) -> None:
        """Deleting a picture in Discord erases its prompt."""
        store = self.services.store.pictures

        async def erase() -> None:
            for message_id in message_ids:
                order = await store.by_message(channel_id, message_id)
                if order is not None:
                    await store.erase(order.id)

        await self.services.ledger.note("deletion", erase)

    async def interrupt_all(self) -> None:
        jobs = list(self.jobs.values())
        for job in jobs:
            job.cancel(OrderState.INTERRUPTED)
        if jobs:
            await asyncio.wait([asyncio.ensure_future(job.done.wait()) for job in jobs], timeout=LAST_WORDS)

    async def recover(self) -> None:
        """After a crash: an abandoned job says so and offers to try again."""
        for order in await self.services.store.pictures.running():
            if order.id in self.jobs:
                continue
            state = OrderState.INTERRUPTED
            if order.message_id is not None:
                state = await self._mark_interrupted(order, order.message_id)
            await self.services.store.pictures.set_state(order.id, state)

    async def _mark_interrupted(self, order: PictureOrder, message_id: int) -> OrderState:
        """Its actual state."""
        channel = self.services.rooms.get_partial_messageable(order.channel_id)
        try:
            message = await channel.fetch_message(message_id)
            if f"picture:1:delete:{order.id}" in _ids(message):
                # It was delivered; only the record of it was lost.
                return OrderState.DONE
            first_line = message.content.partition("\n")[0]
            await message.edit(
                content=f"{first_line}\n{t(order.locale, 'state-restart')}",
                attachments=[],
                view=buttons.failed(order.id, order.locale, retry=True, edit=False),
            )
        except discord.HTTPException:
            log.info("an interrupted picture could not be marked")
        return OrderState.INTERRUPTED


def _ids(message: discord.Message) -> list[str]:
    return [getattr(item, "custom_id", "") for row in message.components for item in getattr(row, "children", ())]
