"""What all chat-only providers share, so that each file holds nothing but its wire format."""

import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar

import msgspec

from inference_service.domain import Capabilities, ImageEvent
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.kit import errors, limits
from inference_service.providers.kit.http import HttpClient, read, read_error
from inference_service.providers.seam import ChatCall, Declaration, ImageCall, LimitReport, Settings

LARGEST_LIST = 16 * 1024 * 1024


class ChatProvider:
    """A subclass has a declaration, `wire_names`, `chat` and `models`. `signs`: how its errors are worded."""

    declaration: ClassVar[Declaration]
    signs: ClassVar[tuple[errors.Sign, ...]] = ()

    def __init__(self, settings: Settings, http: HttpClient) -> None:
        self.settings, self.http = settings, http
        self._discovered: dict[str, Capabilities] = {}

    @property
    def dialect(self) -> errors.Dialects:
        return self.signs

    def capabilities(self, model: str) -> Capabilities:
        declared = self.declaration.capabilities
        facts = self.settings.capabilities.get(model) or self._discovered.get(model) or declared.get(model)
        return facts or declared["*"]

    def headers(self, secret: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {secret}"} if secret else {}

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
        return errors.from_response(status, headers, body, self.signs)

    def refusal(self, call: ChatCall, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:  # noqa: ARG002 - for providers that blame parts of a request
        """The failure that an answer other than 200 means."""
        return self.failure(status, headers, body)

    def limit_report(self, headers: Mapping[str, str]) -> LimitReport | None:
        return limits.report(headers, time.time())

    def image(self, call: ImageCall) -> AsyncIterator[ImageEvent | LimitReport]:  # noqa: ARG002 - it cannot draw
        return refused(errors.failure(FailureKind.UNSUPPORTED))

    async def answer(self, url: str, secret: str | None, params: Mapping[str, str] | None = None) -> Any:
        """The JSON answer to a GET request. Raises UpstreamFailure."""
        async with self.http.request("GET", url, headers=self.headers(secret), params=params) as response:
            if response.status != 200:
                raise self.failure(response.status, response.headers, await read_error(response))
            try:
                return msgspec.json.decode(await read(response, LARGEST_LIST))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise errors.failure(FailureKind.BAD_RESPONSE, status=200) from error

    async def close(self) -> None:
        await self.http.close()


async def refused(failure: UpstreamFailure) -> AsyncIterator[Any]:
    """The events of a call that the provider cannot make. Raises `failure`."""
    events: tuple[Any, ...] = ()
    for event in events:
        yield event
    raise failure
