"""Apps behind a user name and a password: one login per credential, kept as cookies.

The credential is written as `user:password`. Cookies of an app's first answer are kept as well: hosts with several
replicas route a session to its replica by them. Source: Gradio's server (login route), 3.50 to 6.
"""

import hashlib
from collections.abc import Mapping

import aiohttp

from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.kit.http import HttpClient, read_error

MOST = 1_000  # credentials


class Cookies:
    """By credential; the credential itself is not kept."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, str]] = {}

    def header(self, secret: str | None) -> dict[str, str]:
        kept = self._kept.get(_name(secret))
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in kept.items())} if kept else {}

    def knows(self, secret: str | None) -> bool:
        return _name(secret) in self._kept

    def keep(self, secret: str | None, response: aiohttp.ClientResponse) -> None:
        cookies = {name: morsel.value for name, morsel in response.cookies.items()}
        if cookies:
            if len(self._kept) >= MOST:
                self._kept.pop(next(iter(self._kept)))
            self._kept[_name(secret)] = {**self._kept.get(_name(secret), {}), **cookies}

    def forget(self, secret: str | None) -> None:
        self._kept.pop(_name(secret), None)


async def log_in(http: HttpClient, host: str, headers: Mapping[str, str], secret: str | None, cookies: Cookies) -> None:
    """Raises UpstreamFailure(UNAUTHENTICATED) if the app does not know the user or the password."""
    user, colon, password = (secret or "").partition(":")
    if not colon:
        text = "the Space requires a login: its credential must be written as user:password"
        raise UpstreamFailure(FailureKind.UNAUTHENTICATED, text)
    form = aiohttp.FormData({"username": user, "password": password})
    async with http.request("POST", f"{host}/login", headers=headers, form=form) as response:
        await read_error(response)
        if response.status in (400, 401, 403):
            text = "the Space does not accept the user name and password"
            raise UpstreamFailure(FailureKind.UNAUTHENTICATED, text, status=response.status)
        if response.status not in (200, 302, 303):
            raise UpstreamFailure(FailureKind.UNAVAILABLE, "the Space does not offer a login", status=response.status)
        cookies.keep(secret, response)


def _name(secret: str | None) -> str:
    return hashlib.sha256((secret or "").encode()).hexdigest()
