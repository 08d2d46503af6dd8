"""Pictures: /image, its progress, and the buttons below."""

import asyncio
import io
import json
import re
import time
from typing import TYPE_CHECKING, Any

import discord
import structlog

from antiphon import errors, events
from discord_bot.access import may_control
from discord_bot.conversation.attachments import read
from discord_bot.conversation.title import file_name
from discord_bot.features.image import buttons
from discord_bot.features.image.card import Drawing, Result, alt_text, finished_text, preview_alt_text, progress_text
from discord_bot.features.image.options import Wish
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, asker_of, private
from discord_bot.problems import describe, utcnow
from discord_bot.scope import Scope, scope_of
from discord_bot.store.pictures import PictureOrder
from discord_bot.tracing import origin

if TYPE_CHECKING:
    from discord_bot.bot import AntiphonBot

log = structlog.get_logger(__name__)
EDIT_PAUSE, PREVIEW_PAUSE = 2.0, 4.0
TOKEN_LIFE = 14 * 60.0  # an interaction can be edited for fifteen minutes
ROOM = 16 * 1024  # of the upload limit that the form around the files takes
MATURE = re.compile(
    r"\b(nsfw|nude|naked|porn\w*|erotic\w*|hentai|sex\w*|gore|голы[ейхм]\w*|порно\w*|эроти\w*|секс\w*)\b", re.IGNORECASE
)


class ImageFeature:
    def __init__(self, bot: "AntiphonBot") -> None:
        self._bot = bot
        self.jobs: dict[int, Job] = {}

    async def begin(self, interaction: BotInteraction, wish: Wish, input_image: events.Image | None = None) -> None:
        """Draws in a new message that answers the interaction."""
        locale = interaction.locale.value
        scope = await scope_of(self._bot.store, interaction.guild_id, interaction.channel_id or 0, interaction.user.id)
        refused = self._refused(interaction, wish, scope)
        denied = (
            t(locale, refused)
            if refused
            else await self._bot.admission.refusal(asker_of(interaction), locale, place=interaction.id)
        )
        if denied:
            await private(interaction, denied)
            return
        channel_id = interaction.channel_id or 0
        beginning = (input_image.mime, input_image.data) if input_image is not None else None
        order = await self._bot.store.pictures.create(
            interaction.user.id, interaction.guild_id, channel_id, wish.stored(), locale, beginning
        )
        text = progress_text(locale, Drawing(wish.prompt))
        if interaction.response.is_done():
            await interaction.edit_original_response(content=text, view=buttons.running(order.id, locale))
        else:
            view = buttons.running(order.id, locale)
            await interaction.response.send_message(text, view=view or discord.utils.MISSING)
        job = self.jobs[order.id] = Job(self._bot, interaction, order, wish, input_image, scope)
        self._bot.metrics.running.inc()
        try:
            await job.run()
        finally:
            self._bot.metrics.running.dec()
            self.jobs.pop(order.id, None)

    def _refused(self, interaction: BotInteraction, wish: Wish, scope: Scope) -> str | None:
        if scope.guild.get("pictures") is False:
            return "access-pictures-off"
        rule = self._bot.config.bot.mature_pictures
        if rule == "allow" or not MATURE.search(wish.prompt):
            return None
        restricted = bool(
            getattr(interaction.channel, "nsfw", False)
            or getattr(getattr(interaction.channel, "parent", None), "nsfw", False)
        )
        return None if rule == "age_restricted_only" and restricted else "access-mature"

    async def on_button(self, interaction: BotInteraction, action: str, order_id: int) -> None:
        locale = interaction.locale.value
        order = await self._bot.store.pictures.get(order_id)
        if order is None:
            await private(interaction, t(locale, "stale"))
            return
        wish = Wish.restored(order.wish)
        moderator = interaction.permissions.manage_messages if interaction.guild_id else False
        if action in ("cancel", "delete") and not may_control(
            asker_of(interaction), order.owner_id, moderator=moderator
        ):
            await private(interaction, t(locale, "access-control"))
            return
        match action:
            case "cancel":
                job = self.jobs.get(order_id)
                if job is None or not job.cancel():
                    await private(interaction, t(locale, "nothing-to-stop"))
                else:
                    await interaction.response.defer()
            case "delete":
                await interaction.response.defer()
                await interaction.delete_original_response()
                await self._bot.store.pictures.change(order_id, state="deleted")
            case "edit":
                await interaction.response.send_modal(buttons.EditPrompt(wish, locale, order_id))
            case "seed":
                await self.begin(interaction, wish.with_new_seed(), await self.beginning(order_id))
            case "input":
                standing = interaction.message.attachments if interaction.message else []
                if standing:
                    await self.begin_from(interaction, wish, standing[0])
                else:
                    await private(interaction, t(locale, "nothing-here"))
            case _:
                await self.begin(interaction, wish, await self.beginning(order_id))

    async def beginning(self, order_id: int) -> events.Image | None:
        """The picture that an order started from: what is drawn again starts from it, too."""
        found = await self._bot.store.pictures.beginning(order_id)
        return events.Image(*found) if found else None

    async def begin_from(self, interaction: BotInteraction, wish: Wish, file: discord.Attachment | None) -> None:
        """Starts from a picture that a person has sent, or that stands in Discord; None: from nothing."""
        if file is None:
            await self.begin(interaction, wish)
            return
        await interaction.response.defer(thinking=True)
        given = await read([file], interaction.locale.value)
        if given.images:
            await self.begin(interaction, wish, events.Image(*given.images[0]))
            return
        # Text is readable, too, but nothing to draw from.
        told = given.notices or [t(interaction.locale.value, "notice-unreadable", name=file_name(file.filename))]
        await interaction.edit_original_response(content="\n".join(told))

    async def interrupt_all(self) -> None:
        jobs = list(self.jobs.values())
        for job in jobs:
            job.cancel("interrupted")
        if jobs:
            await asyncio.wait([asyncio.ensure_future(job.done.wait()) for job in jobs], timeout=10)

    async def recover(self) -> None:
        """After a crash: a job that nobody works on says so and offers another try."""
        for order in await self._bot.store.pictures.running():
            if order.id in self.jobs:
                continue
            await self._bot.store.pictures.change(order.id, state="interrupted")
            if order.message_id is None:
                continue
            channel = self._bot.get_partial_messageable(order.channel_id)
            view = buttons.failed(order.id, order.locale, retry=True, edit=False)
            try:
                await channel.get_partial_message(order.message_id).edit(
                    content=t(order.locale, "state-restart"), attachments=[], view=view
                )
            except discord.HTTPException:
                log.info("an interrupted picture could not be marked")


class Job:
    """One order on its way."""

    def __init__(
        self,
        bot: "AntiphonBot",
        interaction: BotInteraction,
        order: PictureOrder,
        wish: Wish,
        input_image: events.Image | None,
        scope: Scope,
    ) -> None:
        self._bot, self._interaction, self._order, self._wish, self._scope = bot, interaction, order, wish, scope
        self._locale = order.locale
        self._began = time.monotonic()
        self._drawing = self._shown = Drawing(wish.prompt)
        self._edited = self._previewed = self._began
        self._preview: events.Preview | None = None
        self._ended_as = ""
        self.done = asyncio.Event()
        self._stream = bot.inference.image(
            wish.prompt,
            wish.model or str(scope.get("image_model", bot.config.bot.image_model)),
            negative_prompt=wish.negative,
            size=wish.size,
            aspect_ratio=wish.aspect,
            seed=wish.seed,
            steps=wish.steps,
            count=wish.count,
            max_bytes=self._upload_limit() // wish.count - ROOM,
            input_image=input_image,
            tenant_id=str(order.guild_id or ""),
            user_id=str(order.owner_id),
            timeout=bot.config.bot.image_timeout,
            trace_parent=origin(),
        )

    def _upload_limit(self) -> int:
        return self._interaction.filesize_limit

    def cancel(self, state: str = "cancelled") -> bool:
        if self._ended_as or self.done.is_set():
            return False
        self._ended_as = state
        self._stream.cancel()
        return True

    async def run(self) -> None:
        """Every end is told; raises CancelledError only."""
        bot, order = self._bot, self._order
        bot.gate.begin(order.owner_id, self._interaction.id)
        state = "failed"
        try:
            message = await self._interaction.original_response()
            await bot.store.pictures.change(order.id, message_id=message.id)
            state = await self._draw()
        except discord.HTTPException as error:
            log.warning("a picture could not be delivered", code=error.code)
            bot.metrics.pictures.labels("undelivered").inc()
        finally:
            bot.gate.end(order.owner_id)
            self.done.set()
            await asyncio.shield(bot.store.pictures.change(order.id, state=state))

    async def _draw(self) -> str:
        try:
            async for event in self._stream:
                await self._on(event)
        except errors.AntiphonError as error:
            problem = describe(error, utcnow(), self._stream.request_id)
            view = buttons.failed(self._order.id, self._locale, retry=problem.retry, edit=problem.edit)
            text = f"{t(self._locale, 'image-drawing', prompt=self._wish.prompt[:200])}\n{problem.text(self._locale, utcnow())}"
            await self._edit(content=text, attachments=[], view=view)
            self._bot.metrics.pictures.labels("failed").inc()
            return "failed"
        if self._ended_as:
            key = "image-cancelled" if self._ended_as == "cancelled" else "state-restart"
            view = buttons.failed(self._order.id, self._locale, retry=True, edit=True)
            await self._edit(content=t(self._locale, key), attachments=[], view=view)
            return self._ended_as
        await self._deliver()
        return "done"

    async def _on(self, event: events.ImageEvent) -> None:
        match event:
            case events.Progress() | events.Handover() | events.Notice():
                if not (isinstance(event, events.Notice) and event.kind == "info"):
                    self._drawing = self._drawing.after(event)
            case events.Preview() if event.index == 0:
                self._preview = event
        now = time.monotonic()
        if now - self._edited < EDIT_PAUSE or not (self._drawing.worth_showing_after(self._shown) or self._preview):
            return
        more: dict[str, Any] = {}
        if self._preview is not None and now - self._previewed >= PREVIEW_PAUSE:
            alt = preview_alt_text(self._locale, self._drawing.fraction)
            ending = self._preview.mime.rpartition("/")[2]
            more["attachments"] = [discord.File(io.BytesIO(self._preview.data), f"preview.{ending}", description=alt)]
            self._preview, self._previewed = None, now
        self._shown, self._edited = self._drawing, now
        await self._edit(
            content=progress_text(self._locale, self._drawing),
            view=buttons.running(self._order.id, self._locale),
            **more,
        )

    async def _deliver(self) -> None:
        bot, pictures, locale = self._bot, self._stream.pictures, self._locale
        count = len(pictures)
        first = pictures[0]
        files = [
            discord.File(
                io.BytesIO(one.data),
                f"picture-{one.index + 1}.{one.mime.rpartition('/')[2]}",
                spoiler=self._wish.spoiler,
                description=alt_text(locale, self._wish.prompt, one.index, count),
            )
            for one in pictures
        ]
        result = Result(
            self._stream.deployment,
            first.width,
            first.height,
            self._wish.steps,
            first.seed,
            time.monotonic() - self._began,
            count,
        )
        footer = bool(self._scope.get("footer", bot.config.bot.footer))
        text = finished_text(locale, self._wish.prompt, result, self._drawing.notices, footer=footer)
        model = await bot.catalogue.find(self._wish.model or bot.config.bot.image_model, "image")
        takes_input = bool(model and model.capabilities.input_image)
        # "Again" is the same picture only with the seed that was used.
        if first.seed is not None and self._wish.seed is None and count == 1:
            await bot.store.pictures.change(self._order.id, wish=json.dumps(self._wish.with_seed(first.seed).stored()))
        await self._edit(
            content=text, attachments=files, view=buttons.finished(self._order.id, locale, takes_input=takes_input)
        )
        await bot.store.usage.add(self._order.guild_id, self._order.owner_id, requests=1, pictures=count)
        bot.metrics.pictures.labels("done").inc()

    async def _edit(self, **what: Any) -> None:
        """In the interaction while it lives, then as a message of the channel."""
        if time.monotonic() - self._began < TOKEN_LIFE:
            await self._interaction.edit_original_response(**what)
            return
        channel = self._bot.get_partial_messageable(self._order.channel_id)
        files = what.pop("attachments", [])
        sent = await channel.send(what["content"], files=files, view=what.get("view") or discord.utils.MISSING)
        await self._bot.store.pictures.change(self._order.id, message_id=sent.id)
