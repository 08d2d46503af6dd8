"""TLS of the service itself: which certificates open it, which do not, and how a renewed one is taken while it runs."""

import asyncio
import datetime as dt
import re
import ssl
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme

from antiphon import errors
from antiphon.client import InferenceClient
from antiphon.config.model import Config
from inference_service.server import Server, StartProblem
from tests.support.service import serving
from tests.support.waiting import becomes_true

DEMO = {"embedded": {"characters_per_second": 0}}
YESTERDAY = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
Files = dict[str, str]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., Files]:
    """The paths of a certificate's parts, written to disk."""

    def written(name: str, leaf: Any) -> Files:
        leaf.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        (tmp_path / f"{name}.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        return {"certificate": str(tmp_path / f"{name}.pem"), "key": str(tmp_path / f"{name}.key")}

    return written


def trusted(tmp_path: Path, authority: trustme.CA) -> str:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return str(tmp_path / "ca.pem")


async def answered(target: str, **client: Any) -> bool:
    """Whether a whole answer comes; what does not must be said as a lost connection, never hang."""
    config = Config.model_validate({"client": {"target": target, **client}})
    async with InferenceClient.from_config(config, {}, connect_timeout=2.0) as caller:
        stream = caller.chat("hi")
        try:
            async for _ in stream:
                pass
        except errors.ConnectionLost:
            return False
        return stream.finished is not None


@pytest.mark.parametrize("fault", ["", "expired", "another name", "another authority", "self-signed"])
async def test_a_caller_believes_only_the_right_certificate(
    fault: str, tmp_path: Path, authority: trustme.CA, files: Callable[..., Files]
) -> None:
    ca = trusted(tmp_path, authority)
    leaf = {
        "": lambda: authority.issue_cert("127.0.0.1"),
        "expired": lambda: authority.issue_cert("127.0.0.1", not_after=YESTERDAY),
        "another name": lambda: authority.issue_cert("elsewhere.example"),
        "another authority": lambda: trustme.CA().issue_cert("127.0.0.1"),
        "self-signed": self_signed,
    }[fault]()
    async with serving({"service": {"tls": files("server", leaf)}, **DEMO}) as (server, _):
        assert await answered(server.target, ca=ca) is (not fault)


def self_signed() -> Any:
    """A certificate that vouches for itself."""
    alone = trustme.CA()
    return SimpleNamespace(private_key_pem=alone.private_key_pem, cert_chain_pems=[alone.cert_pem])


@pytest.mark.parametrize("fault", ["", "none", "expired", "another authority", "self-signed", "plain text"])
async def test_with_mutual_tls_only_the_right_certificate_opens(
    fault: str, tmp_path: Path, authority: trustme.CA, files: Callable[..., Files]
) -> None:
    ca = trusted(tmp_path, authority)
    tls = {**files("server", authority.issue_cert("127.0.0.1")), "client_ca": ca}
    shown: Any = {
        "": lambda: files("client", authority.issue_cert("bot.example")),
        "none": dict,
        "expired": lambda: files("client", authority.issue_cert("bot.example", not_after=YESTERDAY)),
        "another authority": lambda: files("client", trustme.CA().issue_cert("bot.example")),
        "self-signed": lambda: files("client", self_signed()),
        "plain text": dict,
    }[fault]
    async with serving({"service": {"tls": tls}, **DEMO}) as (server, _):
        given = {} if fault == "plain text" else {"ca": ca, **shown()}
        assert await answered(server.target, **given) is (not fault)
        # Whoever was refused has spoilt nothing for others.
        assert await answered(server.target, ca=ca, **files("other", authority.issue_cert("other.example")))


async def test_a_plain_text_caller_learns_that_the_port_may_want_tls(
    authority: trustme.CA, files: Callable[..., Files]
) -> None:
    tls = files("server", authority.issue_cert("127.0.0.1"))
    async with (
        serving({"service": {"tls": tls}, **DEMO}) as (server, _),
        InferenceClient(server.target, connect_timeout=2.0) as plain,
    ):
        with pytest.raises(errors.ConnectionLost, match=r"if it expects TLS, set client\.ca"):
            await plain.models()


async def test_a_renewed_certificate_is_taken_while_streams_go_on_and_a_broken_one_is_not(
    tmp_path: Path, authority: trustme.CA, files: Callable[..., Files]
) -> None:
    ca = trusted(tmp_path, authority)
    tls = {**files("server", authority.issue_cert("127.0.0.1")), "reload_seconds": 0.001}
    config = {"service": {"tls": tls}, "embedded": {"characters_per_second": 400}}
    async with serving(config) as (server, _):
        first = await shown_by(server.target)
        chosen = Config.model_validate({"client": {"target": server.target, "ca": ca}})
        async with InferenceClient.from_config(chosen, {}) as client:
            stream = client.chat("hi")
            reading = asyncio.create_task(whole(stream))
            await asyncio.to_thread(files, "server", authority.issue_cert("127.0.0.1"))
            await becomes_true(lambda: has_changed(server.target, first))
            second = await shown_by(server.target)
            assert await reading
        Path(tls["certificate"]).write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
        for _ in range(3):
            assert await shown_by(server.target) == second
        assert await answered(server.target, ca=ca)


async def has_changed(target: str, certificate: Any) -> bool:
    return await shown_by(target) != certificate


async def whole(stream: Any) -> bool:
    async for _ in stream:
        pass
    return stream.finished is not None


async def shown_by(target: str) -> bytes:
    """The certificate that a new connection gets to see."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    host, _, port = target.rpartition(":")
    _reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return bytes(found)


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ("key", "are not a matching pair of PEM files"),
        ("certificate", "are not a matching pair"),
        ("client_ca", "is not a PEM file"),
    ],
)
async def test_files_that_do_not_belong_together_are_said_at_the_start(
    broken: str, text: str, tmp_path: Path, authority: trustme.CA, files: Callable[..., Files]
) -> None:
    tls = {**files("server", authority.issue_cert("127.0.0.1")), "client_ca": trusted(tmp_path, authority)}
    if broken == "key":
        tls["key"] = files("other", authority.issue_cert("127.0.0.1"))["key"]
    else:
        Path(tls[broken]).write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    server = Server(Config.model_validate({"service": {"port": 0, "tls": tls}}), {})
    with pytest.raises(StartProblem, match=re.escape(text)):
        await server.start()


async def test_old_protocols_and_other_programs_are_shown_the_door(
    tmp_path: Path, authority: trustme.CA, files: Callable[..., Files]
) -> None:
    async with serving({"service": {"tls": files("server", authority.issue_cert("127.0.0.1"))}, **DEMO}) as (server, _):
        host, _, port = server.target.rpartition(":")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with warnings.catch_warnings(action="ignore"):
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError, OSError)):
            await asyncio.open_connection(host, int(port), ssl=context)
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" not in await reader.read()
        writer.close()
        assert await answered(server.target, ca=trusted(tmp_path, authority))
