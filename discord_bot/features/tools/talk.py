"""One answer in several rounds: the model requests tools, they run, and it continues. Looks like a single stream."""

from collections.abc import AsyncIterator, Callable, Sequence

from antiphon import errors, events
from antiphon.streams import ChatStream
from discord_bot.features.tools.toolbox import Toolbox

MOST_ROUNDS = 5
Begin = Callable[[Sequence[events.Message], Sequence[events.Tool]], ChatStream]


class Talk:
    """Iterate once. `begin` calls the service once; without a toolbox there is one round."""

    def __init__(self, begin: Begin, messages: Sequence[events.Message], toolbox: Toolbox | None) -> None:
        self._begin, self._messages, self.toolbox = begin, list(messages), toolbox
        self._rounds: list[ChatStream] = []
        self._cancelled = False

    @property
    def _now(self) -> ChatStream | None:
        return self._rounds[-1] if self._rounds else None

    @property
    def text(self) -> str:
        return "\n\n".join(part.text for part in self._rounds if part.text)

    @property
    def reasoning(self) -> str:
        return "\n\n".join(part.reasoning for part in self._rounds if part.reasoning)

    @property
    def deployment(self) -> str:
        return self._now.deployment if self._now else ""

    @property
    def request_id(self) -> str:
        return self._now.request_id if self._now else ""

    @property
    def finished(self) -> events.Finished | None:
        return self._now.finished if self._now else None

    @property
    def usage(self) -> events.Usage:
        used = [usage.usage for usage in self._rounds]
        return events.Usage(
            self.deployment,
            sum(usage.prompt_tokens for usage in used),
            sum(usage.completion_tokens for usage in used),
            sum(usage.reasoning_tokens for usage in used),
            estimated=any(usage.estimated for usage in used),
        )

    def cancel(self) -> None:
        self._cancelled = True
        if self.toolbox is not None:
            self.toolbox.decide(allowed=False)
        if self._now is not None:
            self._now.cancel()

    async def __aiter__(self) -> AsyncIterator[events.ChatEvent]:
        offered = self.toolbox.declarations if self.toolbox is not None else []
        while not self._cancelled:
            last = len(self._rounds) + 1 >= MOST_ROUNDS
            stream = self._begin(self._messages, [] if last else offered)
            self._rounds.append(stream)
            try:
                async for event in stream:
                    yield event
            except errors.Unsupported:
                if not offered or len(self._rounds) > 1:
                    raise
                offered = []  # no available model calls tools, so it answers without them
                self._rounds.clear()
                continue
            if not stream.tool_calls or self.toolbox is None or self._cancelled:
                return
            results = [await self.toolbox.run(call) for call in stream.tool_calls]
            self._messages += [stream.message, events.Message.tool(*results)]
