"""Canary secrets and prompts through every path: none comes out anywhere."""

import json

import aiohttp
import pytest
import structlog

from antiphon.client import InferenceClient
from antiphon.config.model import Telemetry
from antiphon.errors import AntiphonError
from antiphon.telemetry.logs import set_up_logs
from tests.fakes.upstream.server import FakeUpstream
from tests.support.service import serving, two_providers

SECRETS = {
    "A_KEY1": "canary-key-alpha-1111",
    "A_KEY2": "canary-key-beta-2222",
    "B_KEY": "canary-key-gamma-3333",
    "CALLER": "canary-caller-token",
}
PROMPT = "canary prompt about my secret garden"
FAULTS = [
    "ok",
    "401",
    "403",
    "429:9",
    "500",
    "html",
    "bad",
    "filtered",
    "cut:90",
    "stall:90",
    "errorlater:90",
    "reset",
    "context",
    "empty",
    "badchunk:9",
]


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_secret_and_no_prompt_leaves_the_service(fault: str, capfd: pytest.CaptureFixture[str]) -> None:
    set_up_logs(Telemetry(log_level="debug", log_format="json"), "test")
    shown: list[str] = []
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, fault, "503")
        config["telemetry"] = {"log_level": "debug"}
        config["service"] = {
            "callers": {"boss": {"token_env": "CALLER", "scopes": ["chat", "image", "operate"]}},
            "status_page": True,
            "http": False,
            "status_port": 0,
        }
        async with serving(config, SECRETS, SECRETS["CALLER"]) as (server, client):
            stream = client.chat(PROMPT, timeout=6)
            try:
                shown += [repr(event) async for event in stream]
            except AntiphonError as error:
                shown += [str(error), repr(vars(error))]
            shown.append(str(await client.status()))
            shown.append(str(await client.models(include_deployments=True)))
            page = f"http://127.0.0.1:{server.status_port}"
            async with aiohttp.ClientSession() as session:
                async with session.get(f"{page}/metrics") as refused:
                    assert refused.status == 401
                for path in ("/", "/api/status", "/metrics", "/readyz"):
                    async with session.get(
                        page + path, headers={"Authorization": f"Bearer {SECRETS['CALLER']}"}
                    ) as answer:
                        shown.append(await answer.text())
            async with InferenceClient(server.target, "canary-wrong-token") as stranger:
                with pytest.raises(AntiphonError) as caught:
                    await stranger.models()
                shown.append(str(caught.value))
    out, err = capfd.readouterr()
    shown += [out, err]
    structlog.reset_defaults()
    everything = "\n".join(shown)
    for secret in (*SECRETS.values(), "canary-wrong-token", PROMPT, "secret garden"):
        assert secret not in everything
    assert '"request_id"' in err
    for line in err.splitlines():
        json.loads(line)
