"""Brings an answer into its channel: the newest state wins, one request at a time, and the last one always lands.

Whoever reads the answer's stream only sets the look and never waits for Discord. A message is sent with a nonce of our
own, so that a repeated send after a lost response makes no second one. What Discord returned is compared with what was wanted.
"""

import asyncio
import hashlib
import io
from collections.abc import Awaitable, Callable
from typing import Any

import discord
import structlog

from discord_bot.rendering.pacing import Paces
from discord_bot.rendering.view import FILE_FROM, Look, contents

log = structlog.get_logger(__name__)

Make = Callable[[], discord.ui.View | None]
OLD = 55 * 60.0  # Discord refuses edits of messages older than an hour
RETRIES = (0.5, 1, 2, 4, 8, 15, 30, 30)  # seconds between tries of what must land
GONE, ARCHIVED, TOO_OLD = 10008, 50083, 30046
STEP = 0.2
FIRST_TEXT = 30  # characters that are worth a first showing at once


class Undeliverable(Exception):  # noqa: N818 - a fact about a channel
    """Discord refuses for good; the answer cannot stand there."""


class Withdrawn(Exception):  # noqa: N818 - a person's wish
    """A person has deleted the answer's message: that person wants it gone."""


class Writer:
    """One answer in one channel. `show` as often as wanted, then `finish` once."""

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
    ) -> None:
        self._channel, self._channel_id, self._paces, self._key, self._locale = channel, channel_id, paces, key, locale
        self._reply_to = reply_to
        self._loop = asyncio.get_running_loop()
        self._messages: list[discord.Message | discord.PartialMessage] = []
        for message_id in known or []:
            partial = getattr(channel, "get_partial_message", None)
            if partial is not None:
                self._messages.append(partial(message_id))
        self._shown: list[str] = [""] * len(self._messages)
        self._sent_at: list[float] = [self._loop.time()] * len(self._messages)
        self._look = Look()
        self._view: Make = lambda: None
        self._changed = asyncio.Event()
        self._drawn = 0
        self._lock = asyncio.Lock()
        self._pace, self._number = paces.join(channel_id)
        self._task: asyncio.Task[None] | None = None
        self.problem: Exception | None = None
        self.on_messages: Callable[[list[int]], None] = lambda _: None

    @property
    def message_ids(self) -> list[int]:
        return [message.id for message in self._messages]

    def show(self, look: Look, view: Make) -> None:
        """The look from now on; returns at once."""
        self._look, self._view = look, view
        self._changed.set()
        if self._task is None:
            self._task = asyncio.create_task(self._keep_showing(), name=f"writer:{self._key}")

    async def finish(self, look: Look, view: Make, whole: str = "", file_note: str = "") -> None:
        """The last look, until it stands. `whole`: the answer, for the file of a very long one.

        Raises Undeliverable or Withdrawn.
        """
        self._look, self._view = look, view
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        try:
            if self.problem is not None:
                raise self.problem
            await self._draw(final=True)
            if whole and len(contents(look, self._locale)) >= FILE_FROM:
                await self._attach(whole, file_note)
        finally:
            self._paces.leave(self._channel_id, self._number)

    # --- showing while it grows ----------------------------------------------------------------

    async def _keep_showing(self) -> None:
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                while (wait := self._wait()) > 0:  # noqa: ASYNC110 - it is time that passes, no event
                    # In small steps: what arrives meanwhile may make it worth an edit earlier.
                    await asyncio.sleep(min(wait, STEP))
                self._changed.clear()
                self._drawn = len(self._look.text)
                # A request that runs is never cut off: its outcome would be unknown.
                await asyncio.shield(asyncio.ensure_future(self._draw(final=False)))
        except (Undeliverable, Withdrawn) as problem:
            self.problem = problem
        except discord.DiscordServerError:
            self._task = None  # the next look, or the last one, tries again

    def _wait(self) -> float:
        """Seconds until the next showing is due."""
        if not self._messages or (self._drawn == 0 and len(self._look.text) >= FIRST_TEXT):
            return 0.0
        return self._pace.wait(self._number, self._loop.time(), len(self._look.text) - self._drawn)

    async def _draw(self, *, final: bool) -> None:
        async with self._lock:
            wanted = contents(self._look, self._locale)
            view = self._view()
            for place, text in enumerate(wanted):
                last = place == len(wanted) - 1
                await self._put(place, text, view if last else None, last=last, final=final)
            for extra in self._messages[len(wanted) :]:
                await self._request(extra.delete, final=final)
            del self._messages[len(wanted) :], self._shown[len(wanted) :], self._sent_at[len(wanted) :]

    async def _put(self, place: int, text: str, view: discord.ui.View | None, *, last: bool, final: bool) -> None:
        """One message as it should be; nothing is asked of Discord when it is so already."""
        mark = f"{text}\0{_signature(view)}"
        if place < len(self._messages) and self._shown[place] == mark:
            return
        if place < len(self._messages) and self._loop.time() - self._sent_at[place] < OLD:
            message = self._messages[place]
            now = self._loop.time()
            edited = await self._request(lambda: _edit(message, text, view), final=final or not last)
            self._pace.edited(self._number, now)
            if edited is not None:
                self._shown[place] = mark
                self._verify(edited, text)
                return
            if place < len(self._messages):
                return
        sent = await self._request(lambda: self._send(place, text, view), final=True)
        if sent is not None:
            self._remember(place, sent, mark)
            self._verify(sent, text)

    async def _send(self, place: int, text: str, view: discord.ui.View | None) -> discord.Message:
        nonce = hashlib.sha256(f"{self._key}:{place}:{len(self._messages)}".encode()).hexdigest()[:24]
        more: dict[str, Any] = {} if view is None else {"view": view}
        if place == 0 and self._reply_to is not None:
            more["reference"] = self._reply_to
        # Silent from the second message on: one answer is one notification.
        sent: discord.Message = await self._channel.send(
            text, nonce=nonce, suppress_embeds=True, silent=place > 0, mention_author=False, **more
        )
        return sent

    def _remember(self, place: int, message: discord.Message, mark: str) -> None:
        if place < len(self._messages):
            self._messages[place], self._shown[place], self._sent_at[place] = message, mark, self._loop.time()
        else:
            self._messages.append(message)
            self._shown.append(mark)
            self._sent_at.append(self._loop.time())
        self._pace.seen(self._number, self._loop.time())
        self.on_messages(self.message_ids)

    def _verify(self, message: discord.Message, text: str) -> None:
        if message.content != text.strip():
            log.warning(
                "Discord holds another text than was sent", key=self._key, wanted=len(text), found=len(message.content)
            )

    async def _attach(self, whole: str, note: str) -> None:
        file = discord.File(io.BytesIO(whole.encode()), filename="answer.md", description=note or None)
        await self._request(lambda: self._messages[-1].edit(attachments=[file]), final=True)

    async def _request(self, ask: Callable[[], Awaitable[Any]], *, final: bool) -> discord.Message | None:
        """Asks Discord; what must land is tried again for a while. None: an interim try failed, or the message must be sent anew."""
        for pause in (*RETRIES, None):
            try:
                answer: discord.Message | None = await ask()
                return answer
            except discord.NotFound as error:
                raise (Withdrawn() if error.code == GONE else Undeliverable(str(error.code))) from error
            except discord.Forbidden as error:
                raise Undeliverable("permission") from error
            except discord.DiscordServerError:
                if pause is None:
                    raise
                if not final:
                    return None
            except discord.HTTPException as error:
                if error.code in (ARCHIVED, TOO_OLD):
                    self._messages.clear()
                    self._shown.clear()
                    self._sent_at.clear()
                    return None
                raise Undeliverable(str(error.code)) from error
            except (OSError, discord.RateLimited):
                if pause is None:
                    raise Undeliverable("connection") from None
            await asyncio.sleep(pause or 0)
        return None


async def _edit(message: Any, text: str, view: discord.ui.View | None) -> Any:
    # A message that is only known by its id cannot be told to show no previews; it was told when it was sent.
    more = {"suppress": True} if isinstance(message, discord.Message) else {}
    return await message.edit(content=text, view=view, **more)


def _signature(view: discord.ui.View | None) -> str:
    if view is None:
        return ""
    return "|".join(f"{getattr(item, 'custom_id', '')}:{getattr(item, 'disabled', '')}" for item in view.children)
