"""What operators look at: the page in a real browser, the metrics, the dashboard's queries."""

import asyncio
import json
import os
import re
import shutil
from pathlib import Path

import aiohttp
import pytest

from tests.fakes.upstream.server import FakeUpstream
from tests.support.service import KEYS, serving, two_providers

ROOT = Path(__file__).resolve().parents[2]


async def fetch(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_metrics_ready_and_live_answer_and_count_what_happened() -> None:
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "cut:90", "ok")
        config["service"] = {"status_page": True, "status_port": 0}
        async with serving(config, KEYS) as (server, client):
            async for _event in client.chat("hi"):
                pass
            page = f"http://127.0.0.1:{server.status_port}"
            assert await fetch(page + "/healthz") == (200, "alive\n")
            assert await fetch(page + "/readyz") == (200, "ready\n")
            _, metrics = await fetch(page + "/metrics")
            assert (
                'antiphon_handovers_total{from_deployment="a/cut:90",reason="stream_cut",to_deployment="b/ok"} 1.0'
                in metrics
            )
            assert (
                'gen_ai_server_request_duration_seconds_count{error_type="",gen_ai_operation_name="chat",gen_ai_request_model="chat"} 1.0'
                in metrics
            )
            status = json.loads((await fetch(page + "/api/status"))[1])
            assert status["recent_handovers"][0]["reason"] == "stream_cut"


async def test_every_query_of_the_dashboard_names_a_metric_that_exists() -> None:
    board = json.loads((ROOT / "deploy/compose/grafana/dashboards/antiphon.json").read_text())
    wanted = {
        name
        for panel in board["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\b(?:gen_ai|antiphon)_\w+", target["expr"])
    }
    labels = {"gen_ai_operation_name", "gen_ai_token_type"}
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "cut:90", "ok", hedge={"after": 5})
        config["service"] = {"status_page": True, "status_port": 0}
        async with serving(config, KEYS) as (server, client):
            async for _event in client.chat("hi"):
                pass
            _, metrics = await fetch(f"http://127.0.0.1:{server.status_port}/metrics")
    known = set(re.findall(r"^(?:# HELP )?(\w+)", metrics, re.MULTILINE)) | {
        f"{name}_total" for name in re.findall(r"# TYPE (\w+) counter", metrics)
    }
    assert wanted - labels - known <= {"antiphon_hedges_total"}


async def test_the_page_shows_tokens_and_handovers_in_a_real_browser(tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        if os.environ.get("CI"):
            pytest.fail("the gate installs chromium")
        pytest.skip("chromium is not installed")
    async with FakeUpstream() as upstream:
        upstream.by_token = {"key-of-a-000000000002": "429:3600"}
        config = two_providers(upstream, "cut:90", "ok")
        config["service"] = {"status_page": True, "status_port": 0}
        async with serving(config, {**KEYS, "A_KEY2": "key-of-a-000000000002"}) as (server, client):
            for _ in range(2):
                async for _event in client.chat("hi"):
                    pass
            url = f"http://127.0.0.1:{server.status_port}/"
            for width, scheme in ((390, "light"), (1200, "dark")):
                command = [
                    browser, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/{width}", f"--window-size={width},900",
                    "--virtual-time-budget=4000", "--dump-dom", *(["--force-dark-mode"] if scheme == "dark" else []), url,
                ]  # fmt: skip
                process = await asyncio.create_subprocess_exec(
                    *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
                )
                page = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
                assert "● ready" in page
                assert "A_KEY2 …0002" in page
                assert "rate limited" in page
                assert "stream cut" in page
                assert "key-of-a" not in page
