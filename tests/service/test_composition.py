"""The composition as its engine would start it: the same environment, files and secrets, without an engine."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from antiphon import errors
from antiphon.client import InferenceClient
from antiphon.config.load import load_config
from tests.support.processes import running

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ("caller_token", "database_password", "grafana_password")


@pytest.fixture
def deployed(tmp_path: Path) -> Path:
    """A copy of what a user has, after deploy/init-secrets.sh."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy", ignore=shutil.ignore_patterns("secrets"))
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    prepare(tmp_path)
    return tmp_path


def prepare(folder: Path) -> None:
    subprocess.run(["sh", "deploy/init-secrets.sh"], cwd=folder, check=True, capture_output=True)


def composition(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "docker-compose.yml").read_text())  # type: ignore[no-any-return]


def environment(folder: Path, service: str, profile: str = "") -> dict[str, str]:
    """What a container of the service gets; its paths lead into the folder."""
    chosen = (folder / f"deploy/compose/{profile}.env").read_text() if profile else ""
    given = dict(line.split("=", 1) for line in chosen.splitlines())

    def filled(text: str) -> str:
        text = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda match: given.get(match[1], match[2]), text)
        text = text.replace("/run/secrets/", f"{folder}/deploy/secrets/")
        text = text.replace("/etc/antiphon/antiphon.toml", f"{folder}/deploy/compose/antiphon.toml")
        return text.replace("/etc/antiphon/tls/", f"{folder}/deploy/secrets/tls/")

    return {name: filled(str(value)) for name, value in composition(folder)["services"][service]["environment"].items()}


HERE = {
    "ANTIPHON__SERVICE__PORT": "0",
    "ANTIPHON__SERVICE__HOST": "127.0.0.1",
    "ANTIPHON__SERVICE__STATUS_HOST": "127.0.0.1",
    "ANTIPHON__SERVICE__STATUS_PORT": "0",
    "ANTIPHON__EMBEDDED__CHARACTERS_PER_SECOND": "0",
}


@pytest.mark.parametrize("profile", ["", "tls"])
async def test_the_bot_s_side_opens_the_service_and_nobody_else_does(deployed: Path, profile: str) -> None:
    service = {**environment(deployed, "service", profile), **HERE}
    async with running("inference_service", directory=deployed, environ=service) as process:
        target = (await process.line("ready: ")).split()[1]
        bot = {**environment(deployed, "bot", profile), "ANTIPHON__CLIENT__TARGET": target}
        config = load_config(Path(bot["ANTIPHON_CONFIG"]), bot)
        async with InferenceClient.from_config(config, bot, connect_timeout=10) as client:
            async for _ in client.chat("hi"):
                pass
            assert await client.status()
        stranger = {name: value for name, value in bot.items() if name != "ANTIPHON_TOKEN_FILE"}
        async with InferenceClient.from_config(config, stranger, connect_timeout=10) as client:
            with pytest.raises(errors.Unauthenticated):
                await client.models()
        if profile == "tls":
            async with InferenceClient(target, connect_timeout=2) as client:
                with pytest.raises(errors.ConnectionLost):
                    await client.models()


def test_secrets_are_generated_once_and_differ(deployed: Path) -> None:
    folder = deployed / "deploy" / "secrets"
    first = {name: (folder / name).read_text() for name in GENERATED}
    assert all(re.fullmatch("[0-9a-f]{64}", text) for text in first.values())
    assert len(set(first.values())) == len(first)
    (folder / "discord_token").write_text("mine")
    prepare(deployed)
    assert {name: (folder / name).read_text() for name in GENERATED} == first
    assert (folder / "discord_token").read_text() == "mine"
    assert first["database_password"] in (folder / "database_url").read_text()
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "ca.key").stat().st_mode & 0o077 == 0
    assert not (folder / "tls" / "ca.key").exists()


def test_every_container_is_bounded_versioned_and_asks_for_prepared_secrets(deployed: Path) -> None:
    made = composition(deployed)
    for name, service in made["services"].items():
        assert service["mem_limit"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("build") or re.search(r":v?\d+\.\d+\.?\d*[\w.-]*$", service["image"]), name
        if name != "ollama":
            assert service["env_file"] == ["deploy/secrets/made-by-init-secrets.sh.env"], name
            assert (deployed / service["env_file"][0]).is_file()
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), name
    for name, secret in made["secrets"].items():
        assert (deployed / secret["file"]).is_file(), name
    for name in ("service", "bot"):
        text = (ROOT / f"deploy/{name}.Dockerfile").read_text()
        assert re.findall(r"FROM python:(\S+)", text) == ["3.12.11-slim-bookworm"] * 2
