"""One picture order in progress: progress, previews, delivery, and a visible end in every case."""

import asyncio
import io
import time
from typing import Any

import discord
import structlog

from antiphon import errors, events
from discord_bot.features.image import buttons
from discord_bot.features.image.card import (
    Drawing,
    Result,
    alt_text,
    finished_text,
    preview_alt_text,
    progress_text,
    quoted,
)
from discord_bot.features.image.options import Wish
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction
from discord_bot.problems import describe, utcnow
from discord_bot.quotas import Ticket
from discord_bot.services import Services
from discord_bot.store.pictures import OrderState, PictureOrder
from discord_bot.tracing import origin

log = structlog.get_logger(__name__)
EDIT_PAUSE, PREVIEW_PAUSE = 2.0, 4.0
TOKEN_LIFE = 14 * 60.0  # an interaction can be edited for fifteen minutes
ROOM = 16 * 1024  # of the upload limit, for the form around the files


class Job:
    def __init__(
        self,
        services: Services,
        interaction: BotInteraction,
        order: PictureOrder,
        wish: Wish,
        ticket: Ticket,
        model: str,
        input_image: events.Image | None,
        *,
        footer: bool,
    ) -> None:
        self._services, self._interaction, self._order, self._wish = services, interaction, order, wish
        self._ticket, self._model, self._footer = ticket, model, footer
        self._locale = order.locale
        self._began = time.monotonic()
        self._drawing = self._shown = Drawing(wish.prompt)
        self._edited = self._previewed = self._began
        self._preview: events.Preview | None = None
        self._ended_as: OrderState | None = None
        self._message: discord.Message | None = None
        self.done = asyncio.Event()
        self._stream = services.inference.image(
            wish.prompt,
            model,
            negative_prompt=wish.negative,
            size=wish.size,
            aspect_ratio=wish.aspect,
            seed=wish.seed,
            steps=wish.steps,
            count=wish.count,
            max_bytes=interaction.filesize_limit // wish.count - ROOM,
            input_image=input_image,
            tenant_id=str(order.guild_id or ""),
            user_id=str(ticket.payer),
            timeout=services.config.bot.image_timeout,
            trace_parent=origin(),
        )

    def cancel(self, state: OrderState = OrderState.CANCELLED) -> bool:
        if self._ended_as or self.done.is_set():
            return False
        self._ended_as = state
        self._stream.cancel()
        return True

    async def run(self) -> None:
        """Every end is shown; raises only CancelledError."""
        store, order, ledger = self._services.store.pictures, self._order, self._services.ledger
        self._ticket.start()
        state = OrderState.FAILED
        try:
            message = await self._interaction.original_response()
            await ledger.note("picture", lambda: store.set_message(order.id, message.id))
            state = await self._draw()
        except discord.HTTPException as error:
            log.warning("a picture could not be delivered", code=error.code)
            self._services.metrics.pictures.labels("undelivered").inc()
        finally:
            self._ticket.end()
            self.done.set()
            await asyncio.shield(ledger.note("picture", lambda: store.set_state(order.id, state)))

    async def _draw(self) -> OrderState:
        drawing = t(self._locale, "image-drawing", prompt=quoted(self._wish.prompt))
        try:
            async for event in self._stream:
                await self._on(event)
        except errors.AntiphonError as error:
            problem = describe(error, utcnow(), self._stream.request_id)
            view = buttons.failed(self._order.id, self._locale, retry=problem.retry, edit=problem.edit)
            command = self._services.commands.of(self._locale, "image")
            text = problem.text(self._locale, utcnow(), command)
            await self._edit(content=f"{drawing}\n{text}", attachments=[], view=view)
            self._services.metrics.pictures.labels("failed").inc()
            if problem.retry:
                usage, charge = self._services.store.usage, self._ticket.charge
                await self._services.ledger.note("refund", lambda: usage.refund(charge))
            return OrderState.FAILED
        if self._ended_as is not None:
            key = "image-cancelled" if self._ended_as is OrderState.CANCELLED else "state-restart"
            view = buttons.failed(self._order.id, self._locale, retry=True, edit=True)
            await self._edit(content=f"{drawing}\n{t(self._locale, key)}", attachments=[], view=view)
            return self._ended_as
        await self._deliver()
        return OrderState.DONE

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
            more["attachments"] = [self._preview_file(self._preview)]
            self._preview, self._previewed = None, now
        self._shown, self._edited = self._drawing, now
        await self._edit(
            content=progress_text(self._locale, self._drawing),
            view=buttons.running(self._order.id, self._locale),
            **more,
        )

    def _preview_file(self, preview: events.Preview) -> discord.File:
        return discord.File(
            io.BytesIO(preview.data),
            f"preview.{preview.mime.rpartition('/')[2]}",
            spoiler=self._wish.spoiler,
            description=preview_alt_text(self._locale, self._drawing.fraction),
        )

    async def _deliver(self) -> None:
        pictures, locale, services = self._stream.pictures, self._locale, self._services
        count = len(pictures)
        first = pictures[0]
        files = [
            discord.File(
                io.BytesIO(picture.data),
                f"picture-{picture.index + 1}.{picture.mime.rpartition('/')[2]}",
                spoiler=self._wish.spoiler,
                description=alt_text(locale, self._wish.prompt, picture.index, count),
            )
            for picture in pictures
        ]
        seconds = time.monotonic() - self._began
        result = Result(
            self._stream.deployment, first.width, first.height, self._wish.steps, first.seed, seconds, count
        )
        text = finished_text(locale, self._wish.prompt, result, self._drawing.notices, footer=self._footer)
        model = await services.catalogue.find(self._model, "image")
        takes_input = bool(model and model.capabilities.input_image)
        view = buttons.finished(self._order.id, locale, takes_input=takes_input)
        await self._edit(content=text, attachments=files, view=view)
        # "Again" is the same picture only with the seed that was used.
        seed, store = first.seed, services.store.pictures
        if seed is not None and self._wish.seed is None and count == 1:
            await services.ledger.note("seed", lambda: store.set_seed(self._order.id, seed))
        services.metrics.pictures.labels("done").inc()

    async def _edit(self, **what: Any) -> None:
        """In the interaction while its token is valid, then as a message in the channel."""
        if time.monotonic() - self._began < TOKEN_LIFE:
            await self._interaction.edit_original_response(**what)
            return
        if self._message is not None:
            await self._message.edit(**what)
            return
        channel = self._services.rooms.get_partial_messageable(self._order.channel_id)
        files = what.pop("attachments", [])
        self._message = await channel.send(what["content"], files=files, view=what.get("view") or discord.utils.MISSING)
        store, message_id = self._services.store.pictures, self._message.id
        await self._services.ledger.note("picture", lambda: store.set_message(self._order.id, message_id))
