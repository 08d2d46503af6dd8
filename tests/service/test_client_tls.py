"""TLS and mutual TLS from the client's side: what is trusted, what is not, and how that is said."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
import trustme

from antiphon import errors
from antiphon.client import InferenceClient
from antiphon.config.load import ConfigError
from antiphon.config.model import Client, Config
from tests.fakes.inference import ScriptedInference

Made = Callable[..., Config]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def served(certificate: trustme.LeafCert, callers: trustme.CA | None = None) -> grpc.ServerCredentials:
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    return grpc.ssl_server_credentials(
        [(certificate.private_key_pem.bytes(), chain)],
        callers.cert_pem.bytes() if callers else None,
        require_client_auth=callers is not None,
    )


@pytest.fixture
def configured(tmp_path: Path, authority: trustme.CA) -> Made:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    def made(target: str, **more: object) -> Config:
        return Config(client=Client.model_validate({"target": target, "ca": tmp_path / "ca.pem", **more}))

    return made


async def asked(config: Config, environ: dict[str, str] | None = None) -> str:
    async with InferenceClient.from_config(config, environ or {}, connect_timeout=2.0) as client:
        stream = client.chat("?")
        async for _ in stream:
            pass
        return stream.text


async def test_an_answer_comes_over_tls_and_the_token_with_it(authority: trustme.CA, configured: Made) -> None:
    async with ScriptedInference(credentials=served(authority.issue_cert("127.0.0.1"))) as fake:
        assert await asked(configured(fake.target), {"ANTIPHON_TOKEN": "s3cret"}) == "Hello."
        assert fake.metadata[0]["authorization"] == "Bearer s3cret"


async def test_a_certificate_of_another_authority_is_refused_and_said(configured: Made) -> None:
    async with ScriptedInference(credentials=served(trustme.CA().issue_cert("127.0.0.1"))) as fake:
        with pytest.raises(errors.ConnectionLost, match="certificate is not trusted"):
            await asked(configured(fake.target))
        assert not fake.chats


async def test_an_expired_certificate_is_refused_and_said(authority: trustme.CA, configured: Made) -> None:
    long_ago = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    certificate = authority.issue_cert("127.0.0.1", not_before=long_ago, not_after=long_ago)
    async with ScriptedInference(credentials=served(certificate)) as fake:
        with pytest.raises(errors.ConnectionLost, match="certificate is not trusted"):
            await asked(configured(fake.target))


async def test_a_certificate_for_another_name_is_refused_unless_the_name_is_expected(
    authority: trustme.CA, configured: Made
) -> None:
    async with ScriptedInference(credentials=served(authority.issue_cert("antiphon.example"))) as fake:
        with pytest.raises(errors.ConnectionLost, match=r"another name: check client\.server_name"):
            await asked(configured(fake.target))
        assert await asked(configured(fake.target, server_name="antiphon.example")) == "Hello."


async def test_mutual_tls_admits_only_callers_with_a_certificate(
    authority: trustme.CA, configured: Made, tmp_path: Path
) -> None:
    own = authority.issue_cert("bot")
    own.private_key_pem.write_to_path(tmp_path / "own.key")
    own.cert_chain_pems[0].write_to_path(tmp_path / "own.pem")
    async with ScriptedInference(credentials=served(authority.issue_cert("127.0.0.1"), authority)) as fake:
        shown = configured(fake.target, certificate=tmp_path / "own.pem", key=tmp_path / "own.key")
        assert await asked(shown) == "Hello."
        with pytest.raises(errors.ConnectionLost):
            await asked(configured(fake.target))
        assert len(fake.chats) == 1


async def test_plain_text_and_tls_do_not_mix(authority: trustme.CA, configured: Made) -> None:
    async with ScriptedInference() as plain:
        with pytest.raises(errors.ConnectionLost, match="does not speak TLS"):
            await asked(configured(plain.target))
    async with ScriptedInference(credentials=served(authority.issue_cert("127.0.0.1"))) as fake:
        with pytest.raises(errors.ConnectionLost):
            await asked(Config(client=Client(target=fake.target)))


def test_files_that_are_missing_or_alone_are_said_before_anything_connects(configured: Made, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"client\.ca: the file .*gone\.pem cannot be read: No such file"):
        InferenceClient.from_config(configured("localhost:1", ca=tmp_path / "gone.pem"), {})
    with pytest.raises(ConfigError, match="set both certificate and key"):
        InferenceClient.from_config(configured("localhost:1", certificate=tmp_path / "ca.pem"), {})
