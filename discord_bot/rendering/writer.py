"""Posts an answer to its channel: the newest state wins, one request at a time, and the last one always lands.

The reader of the answer's stream only sets the look and never waits for Discord: the library sleeps inside a request
that takes the last slot of a bucket. A message is sent with our own nonce, so that a send repeated after a lost
response creates no second message. What Discord returns is compared with what was wanted, message by message.
"""

import asyncio
import hashlib
import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord
import structlog

from discord_bot.rendering.pacing import FEW, TURN, Paces, Urgency
from discord_bot.rendering.view import Look, contents, needs_file

log = structlog.get_logger(__name__)

Make = Callable[[], discord.ui.View | None]
OLD = 55 * 60.0  # seconds; Discord refuses edits of messages older than an hour
RETRIES = (0.5, 1, 2, 4, 8, 15, 30, 30)  # seconds between attempts for what must land
GONE, ARCHIVED, TOO_OLD = 10008, 50083, 30046  # documentation: topics/opcodes-and-status-codes
STEP = 0.2
# Discord shows "is typing" for ten seconds, and a state line is a sign already.
TYPING_AFTER, TYPING_AGAIN = 4.0, 8.0
FIRST_TEXT = 30  # characters that are worth showing at once
FEW_FOR = 0.4  # seconds for which a shorter text waits for more
SIGN = 0.8  # seconds after the question by which something is shown, text or a state


class Undeliverable(Exception):
    """Discord refuses permanently; the answer cannot be posted there."""


class Withdrawn(Exception):
    """A person has deleted the answer's message: that person wants it gone."""


class _Stale(Exception):
    """This message accepts no more edits; its text needs a new message."""


@dataclass
class Slot:
    """One message of the answer: what it shows, since when it exists, and whether Discord holds what was wanted."""

    message: Any
    sent_at: float
    mark: str = ""
    verified: bool = False


class Writer:
    """One answer in one channel. Call `show` as often as wanted, then `finish` once."""

    def __init__(
        self,
        channel: discord.abc.Messageable,
        channel_id: int,
        paces: Paces,
        key: str,
        locale: str,
        *,
        reply_to: discord.MessageReference | None = None,
        known: list[int] | None = None,
        sign_at: float = 0.0,
    ) -> None:
        """`known`: messages to overwrite; `sign_at`: when (by the loop's clock) a state is shown if there is no text yet."""
        self._channel, self._channel_id, self._paces, self._key, self._locale = channel, channel_id, paces, key, locale
        self._reply_to, self._sign_at = reply_to, sign_at
        self._loop = asyncio.get_running_loop()
        self._slots = self._known(known or [])
        self._sends = 0
        self._look = Look()
        self._view: Make = lambda: None
        self._changed, self._ending = asyncio.Event(), asyncio.Event()
        self._drawn = 0
        self._pace, self._number = paces.join(channel_id)
        self._task: asyncio.Task[None] | None = None
        self._said = asyncio.Event()
        self._typing: asyncio.Task[None] | None = None
        self.problem: Exception | None = None
        self.on_messages: Callable[[list[int]], None] = lambda _: None
        self.on_first_text: Callable[[], None] = lambda: None
        self.on_removal: Callable[[int], object] = lambda _: None
        self._text_seen = False
        self._text_at = 0.0

    def _known(self, ids: list[int]) -> list[Slot]:
        """Messages of a former answer, to be overwritten."""
        partial = getattr(self._channel, "get_partial_message", None)
        now = self._loop.time()
        ages = [
            (discord.utils.utcnow() - discord.utils.snowflake_time(message_id)).total_seconds() for message_id in ids
        ]
        return (
            [Slot(partial(message_id), now - max(0.0, age)) for message_id, age in zip(ids, ages, strict=True)]
            if partial
            else []
        )

    @property
    def message_ids(self) -> list[int]:
        return [slot.message.id for slot in self._slots]

    @property
    def verified(self) -> bool:
        """Every message is in Discord as it was wanted."""
        return bool(self._slots) and all(slot.verified for slot in self._slots)

    def show(self, look: Look, view: Make) -> None:
        """The look from now on; returns at once."""
        self._look, self._view = look, view
        self._changed.set()
        if look.text and not self._said.is_set():
            self._said.set()
            self._text_at = self._loop.time()
        if self._task is None:
            if self._slots:  # overwritten messages belong to the answer from now on
                self.on_messages(self.message_ids)
            self._task = asyncio.create_task(self._keep_showing(), name=f"writer:{self._key}")
            self._typing = asyncio.create_task(self._keep_typing(), name=f"typing:{self._key}")

    async def finish(self, look: Look, view: Make, whole: str = "", file_note: str = "") -> None:
        """The last look, until it is posted. `whole`: the answer, for the file of a very long one.

        Raises Undeliverable or Withdrawn.
        """
        self._look, self._view = look, view
        self._ending.set()
        self._said.set()
        self._changed.set()
        try:
            if self._task is not None and self._typing is not None:
                # It may be asleep in the library's limiter, and the last text does not wait for that.
                self._typing.cancel()
                await asyncio.wait([self._task, self._typing])
            if self.problem is not None:
                raise self.problem
            await self._draw(final=True)
            if not self.verified:
                await self._draw(final=True)
            if whole and needs_file(look):
                await self._attach(whole, file_note)
        finally:
            self._paces.leave(self._channel_id, self._number, self._loop.time())

    async def leave(self) -> None:
        """No last look: the answer is about to be overwritten, or its place is gone."""
        self._ending.set()
        self._said.set()
        self._changed.set()
        try:
            if self._task is not None and self._typing is not None:
                self._typing.cancel()
                await asyncio.wait([self._task, self._typing])
        finally:
            self._paces.leave(self._channel_id, self._number, self._loop.time())

    # --- showing while it grows ----------------------------------------------------------------

    async def _keep_showing(self) -> None:
        try:
            while not self._ending.is_set():
                await self._changed.wait()
                if not await self._its_turn():
                    return
                self._changed.clear()
                self._drawn = len(self._look.text)
                await self._draw(final=False)
        except (Undeliverable, Withdrawn) as problem:
            self.problem = problem

    async def _keep_typing(self) -> None:
        """Until the first text; places without a typing indicator show none."""
        typing = getattr(self._channel, "typing", None)
        pause = TYPING_AFTER
        while typing is not None:
            try:
                async with asyncio.timeout(pause):
                    await self._said.wait()
                return
            except TimeoutError:
                pause = TYPING_AGAIN
            try:
                await typing()
            except (discord.HTTPException, discord.RateLimited, aiohttp.ClientError, OSError):
                return

    async def _its_turn(self) -> bool:
        """Waits until the next update is due; False if the last one comes instead."""
        while not self._ending.is_set():
            wait = self._wait()
            if wait <= 0:
                return True
            try:
                # In small steps: new text may justify an earlier edit.
                async with asyncio.timeout(min(wait, STEP)):
                    await self._ending.wait()
            except TimeoutError:
                continue
        return False

    def _wait(self) -> float:
        """Seconds until the next update may be due; 0: it is."""
        now, size = self._loop.time(), len(self._look.text)
        if not self._slots:
            return self._before_first(now, size)
        grown = size - self._drawn
        urgency = Urgency.INTERIM if size else Urgency.STATE
        if not self._drawn and size >= FIRST_TEXT:
            urgency = Urgency.FIRST_TEXT
        wait = self._pace.wait(self._number, now, urgency, FEW if grown < 0 else grown)
        if wait > 0:
            self._paces.turns.drop(self._number)
            return wait
        if urgency is Urgency.FIRST_TEXT or self._paces.turns.may_go(self._number, self._pace.last(self._number), now):
            return 0.0
        return TURN

    def _before_first(self, now: float, size: int) -> float:
        """Posting the first message with text in it saves an edit; a state is shown in time anyway."""
        if size >= FIRST_TEXT:
            return 0.0
        return (self._text_at + FEW_FOR if size else self._sign_at) - now

    async def _draw(self, *, final: bool) -> None:
        wanted = contents(self._look, self._locale)
        view = self._view()
        for place, text in enumerate(wanted):
            last = place == len(wanted) - 1
            await self._put(place, text, view if last else None, must=final or not last)
        superfluous = self._slots[len(wanted) :]
        if superfluous:
            del self._slots[len(wanted) :]
            self.on_messages(self.message_ids)
        for extra in superfluous:
            await self._remove(extra.message)
        self._pace.seen(self._number, self._loop.time())
        if self._look.text and not self._text_seen:
            self._text_seen = True
            self.on_first_text()

    async def _put(self, place: int, text: str, view: discord.ui.View | None, *, must: bool) -> None:
        """Makes one message what it should be; Discord is not called if it is so already."""
        mark = f"{text}\0{_signature(view)}"
        slot = self._slots[place] if place < len(self._slots) else None
        if slot is not None and slot.mark == mark and (slot.verified or not must):
            return
        if slot is not None and self._loop.time() - slot.sent_at < OLD:
            message = slot.message
            try:
                # Nothing is known of a request that fails: the next one writes in any case.
                slot.mark, slot.verified = "", False
                if must:
                    await self._room()
                self._pace.edited(self._number, self._loop.time())
                try:
                    edited = await self._request(lambda: _edit(message, text, view), must=must)
                finally:
                    self._pace.landed()
                if edited is not None:
                    slot.mark, slot.verified = mark, self._holds(edited, text)
                return
            except _Stale:
                log.info("a message takes no more edits; a new one takes its place", key=self._key)
        await self._send_anew(place, text, view, mark)

    async def _room(self) -> None:
        """Until the channel's bucket takes an edit: the library's own count errs where answers of Discord come late."""
        while True:
            wait = self._pace.wait_for_last(self._loop.time())
            if wait <= 0:
                return
            await asyncio.sleep(wait)

    async def _send_anew(self, place: int, text: str, view: discord.ui.View | None, mark: str) -> None:
        try:
            sent = await self._request(lambda: self._send(place, text, view), must=True)
        except _Stale as closed:
            raise Undeliverable("closed") from closed
        if sent is None:
            raise Undeliverable("connection")
        self._sends += 1
        slot = Slot(sent, self._loop.time(), mark, self._holds(sent, text))
        former = self._slots[place : place + 1]
        self._slots[place : place + 1] = [slot]
        self._pace.seen(self._number, self._loop.time())
        self.on_messages(self.message_ids)
        for replaced in former:
            await self._remove(replaced.message)

    async def _remove(self, message: Any) -> None:
        """A message that is no longer needed. One that cannot be deleted stays; the answer is whole without."""
        self.on_removal(message.id)
        try:
            await message.delete()
        except (discord.HTTPException, discord.RateLimited, aiohttp.ClientError, OSError) as error:
            log.info("a superfluous message stays", error=type(error).__name__)

    async def _send(self, place: int, text: str, view: discord.ui.View | None) -> Any:
        nonce = hashlib.sha256(f"{self._key}:{place}:{self._sends}".encode()).hexdigest()[:24]
        more: dict[str, Any] = {} if view is None else {"view": view}
        if place == 0 and self._reply_to is not None:
            more["reference"] = self._reply_to
        # Silent from the second message on: one answer is one notification.
        return await self._channel.send(
            text, nonce=nonce, suppress_embeds=True, silent=place > 0, mention_author=False, **more
        )

    def _holds(self, message: Any, text: str) -> bool:
        """Whether Discord holds what was sent; it trims whitespace at both ends."""
        if message.content == text.strip():
            return True
        log.warning(
            "Discord holds another text than was sent", key=self._key, wanted=len(text), found=len(message.content)
        )
        return False

    async def _attach(self, whole: str, note: str) -> None:
        message = self._slots[-1].message
        try:
            await self._request(lambda: message.edit(attachments=[_file(whole, note)]), must=True)
        except _Stale:
            log.info("the whole answer could not be attached", key=self._key)

    async def _request(self, ask: Callable[[], Awaitable[Any]], *, must: bool) -> Any | None:
        """Asks Discord; what must land is tried again for a while. None: an interim try failed.

        Raises Undeliverable, Withdrawn, _Stale.
        """
        for pause in (*RETRIES, None):
            try:
                return await ask()
            except discord.NotFound as error:
                raise (Withdrawn() if error.code == GONE else Undeliverable(str(error.code))) from error
            except discord.Forbidden as error:
                raise Undeliverable("permission") from error
            except (discord.DiscordServerError, discord.RateLimited, aiohttp.ClientError, OSError) as error:
                log.info("Discord did not take it", key=self._key, error=type(error).__name__, again=must)
                if not must:
                    self._changed.set()
                    return None
                if pause is None:
                    raise Undeliverable("connection") from error
            except discord.HTTPException as error:
                raise (_Stale() if error.code in (ARCHIVED, TOO_OLD) else Undeliverable(str(error.code))) from error
            await asyncio.sleep(pause or 0)
        return None


async def _edit(message: Any, text: str, view: discord.ui.View | None) -> Any:
    # A message that is only known by its id cannot be told to show no previews; it was told when it was sent.
    more = {"suppress": True} if isinstance(message, discord.Message) else {}
    return await message.edit(content=text, view=view, **more)


def _file(whole: str, note: str) -> discord.File:
    # Made anew for each try: a request that failed has read the former one.
    return discord.File(io.BytesIO(whole.encode()), filename="answer.md", description=note or None)


def _signature(view: discord.ui.View | None) -> str:
    if view is None:
        return ""
    return "|".join(f"{getattr(item, 'custom_id', '')}:{getattr(item, 'disabled', '')}" for item in view.children)
