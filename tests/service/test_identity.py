"""Who a caller is: by token, by certificate, or by both; and that the request ids of two callers never meet."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from antiphon import errors
from antiphon.client import InferenceClient
from antiphon.config.model import Config
from tests.fakes.upstream.server import FakeUpstream
from tests.service.test_door import DEMO, failing
from tests.support.collector import collecting, value
from tests.support.service import KEYS, serving, two_providers

Files = dict[str, str]
CALLERS = {
    "bot": {"certificate": "Bot.Example", "scopes": ["chat"]},
    "boss": {"certificate": "boss.example", "scopes": ["operate"]},
    "both": {"certificate": "both.example", "token_env": "BOTH", "scopes": ["chat", "operate"]},
    "token": {"token_env": "TOKEN", "scopes": ["chat", "image"]},
}
TOKENS = {"BOTH": "token-of-both", "TOKEN": "token-of-token"}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def issued(tmp_path: Path, authority: trustme.CA) -> Callable[..., Files]:
    """Writes a certificate for these names; gives what `[client]` or `[service.tls]` says of it."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    def issue(*names: str, common_name: str | None = None) -> Files:
        leaf = authority.issue_cert(*names, common_name=common_name)
        stem = (names or (common_name,))[0]
        leaf.private_key_pem.write_to_path(tmp_path / f"{stem}.key")
        (tmp_path / f"{stem}.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        return {"certificate": str(tmp_path / f"{stem}.pem"), "key": str(tmp_path / f"{stem}.key")}

    return issue


def service(tmp_path: Path, issued: Callable[..., Files], **more: Any) -> dict[str, Any]:
    return {"service": {"tls": {**issued("127.0.0.1"), "client_ca": str(tmp_path / "ca.pem")}, **more}, **DEMO}


async def may(target: str, tmp_path: Path, files: Files, token: str = "") -> set[str]:
    """What a caller with this certificate and token may do."""
    client = {"target": target, "ca": str(tmp_path / "ca.pem"), "token_env": "MINE", **files}
    allowed = set()
    async with InferenceClient.from_config(Config.model_validate({"client": client}), {"MINE": token}) as caller:

        async def chat() -> None:
            async for _ in caller.chat("hi"):
                pass

        for name, use in (("chat", chat), ("operate", caller.status)):
            try:
                await use()
            except (errors.Unauthenticated, errors.PermissionDenied):
                continue
            allowed.add(name)
    return allowed


@pytest.mark.parametrize(
    ("names", "common_name", "token", "allowed"),
    [
        (("bot.example",), None, "", {"chat"}),
        (("other.example", "BOT.example"), None, "", {"chat"}),
        ((), "bot.example", "", {"chat"}),
        (("boss.example",), None, "", {"operate"}),
        (("stranger.example",), None, "", set()),
        (("notbot.example", "bot.example.org", "*.example"), None, "", set()),
        (("stranger.example",), None, "token-of-token", {"chat"}),
        (("stranger.example",), None, "token-of-both", set()),
        (("both.example",), None, "", set()),
        (("both.example",), None, "token-of-both", {"chat", "operate"}),
        (("both.example",), None, "token-of-token", {"chat"}),
        (("bot.example",), None, "token-of-both", set()),
        (("bot.example",), None, "nonsense", {"chat"}),
    ],
)
async def test_a_certificate_identifies_the_caller(
    names: tuple[str, ...],
    common_name: str | None,
    token: str,
    allowed: set[str],
    tmp_path: Path,
    issued: Callable[..., Files],
) -> None:
    async with serving(service(tmp_path, issued, callers=CALLERS), TOKENS) as (server, _):
        assert await may(server.target, tmp_path, issued(*names, common_name=common_name), token) == allowed


async def test_without_named_callers_a_certificate_lets_nobody_operate(
    tmp_path: Path, issued: Callable[..., Files]
) -> None:
    async with serving(service(tmp_path, issued)) as (server, _):
        assert await may(server.target, tmp_path, issued("anybody.example")) == {"chat"}


async def test_a_reload_names_and_forgets_certificates(tmp_path: Path, issued: Callable[..., Files]) -> None:
    settings = service(tmp_path, issued, callers=CALLERS)
    async with serving(settings, TOKENS) as (server, _):
        files = issued("new.example")
        assert await may(server.target, tmp_path, files) == set()
        tokens = server.shared.door.tokens
        renewed = Config.model_validate(service(tmp_path, issued, callers={"new": {"certificate": "new.example"}}))
        server.shared.door.tokens = type(tokens)(renewed.service.callers, {})
        assert await may(server.target, tmp_path, files) == {"chat"}
        assert await may(server.target, tmp_path, issued("bot.example")) == set()


@pytest.mark.parametrize(
    ("callers", "tls", "text"),
    [
        ({"a": {}}, True, "needs token_env, certificate or both"),
        ({"a": {"certificate": ""}}, True, "at least 1 character"),
        ({"a": {"certificate": "a.example"}}, False, "needs tls.client_ca"),
        ({"a": {"certificate": "a"}, "b": {"certificate": "A"}}, True, "the same certificate and no token"),
    ],
)
def test_indistinguishable_callers_are_an_error(callers: Any, tls: bool, text: str) -> None:
    files = {"certificate": "x.pem", "key": "x.key", **({"client_ca": "ca.pem"} if tls else {})}
    with pytest.raises(ValidationError, match=text):
        Config.model_validate({"service": {"tls": files, "callers": callers}})


async def test_request_ids_of_two_callers_never_meet() -> None:
    """Both run at once under the same id; only a second one of the same caller is refused, and traces stay apart."""
    callers = {name: {"token_env": name.upper()} for name in ("one", "two")}
    async with FakeUpstream() as upstream, collecting() as collector:
        settings = {
            **two_providers(upstream, "held", "held"),
            "service": {"callers": callers},
            "telemetry": {"otlp_endpoint": collector.endpoint},
        }
        async with (
            serving(settings, {**KEYS, "ONE": "token-one", "TWO": "token-two"}) as (server, _),
            InferenceClient(server.target, "token-one") as one,
            InferenceClient(server.target, "token-two") as two,
        ):
            answers = []
            for client in (one, two):
                upstream.arrived.clear()
                answers.append(asyncio.create_task(whole(client.chat("hi", request_id="mine"))))
                await upstream.arrived.wait()
                assert "is running" in (await failing(client.chat("hi", request_id="mine"))).message
            assert sorted(server.shared.door.live) == [("one", "mine"), ("two", "mine")]
            upstream.hold.set()
            assert await asyncio.gather(*answers) == ["mine", "mine"]
            await whole(one.chat("hi", request_id="mine"))
        served = [span for _, span in collector.spans if value(span, "antiphon.request_id") == "mine"]
        calls = [span for _, span in collector.spans if value(span, "antiphon.deployment")]
        assert len(served) == len(calls) == 3
        assert {call.parent_span_id for call in calls} == {span.span_id for span in served}


async def whole(stream: Any) -> str:
    """The request id that the answer carries."""
    async for _ in stream:
        pass
    assert stream.finished is not None
    return str(stream.request_id)
