"""What operators look at: the page in a real browser, the metrics, the dashboard's queries."""

import json
import re
from pathlib import Path

import aiohttp

from tests.fakes.upstream.server import FakeUpstream
from tests.support.service import KEYS, serving, two_providers

ROOT = Path(__file__).resolve().parents[2]


async def fetch(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_metrics_ready_and_live_answer_and_count_what_happened() -> None:
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "cut:90", "ok")
        config["service"] = {"http": False, "status_page": True, "status_port": 0}
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
                'gen_ai_server_request_duration_seconds_count{error_type="",gen_ai_operation_name="chat",gen_ai_provider_name="antiphon",gen_ai_request_model="chat"} 1.0'
                in metrics
            )
            status = json.loads((await fetch(page + "/api/status"))[1])
            assert status["recent_handovers"][0]["reason"] == "FAILURE_CLASS_STREAM_CUT"


async def test_every_metric_is_in_the_guide_and_the_guide_has_no_other() -> None:
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "cut:90", "ok")
        config["service"] = {"http": False, "status_page": True, "status_port": 0}
        async with serving(config, KEYS) as (server, client):
            async for _event in client.chat("hi"):
                pass
            _, metrics = await fetch(f"http://127.0.0.1:{server.status_port}/metrics")
    shown = {name for name in re.findall(r"^# TYPE (\w+)", metrics, re.MULTILINE) if not name.endswith("_created")}
    guide = (ROOT / "docs/guides/operating.md").read_text()
    assert "process_resident_memory_bytes" in shown
    own = {name for name in shown if not name.startswith("process_")}
    assert set(re.findall(r"^\| `((?:gen_ai|antiphon)_\w+)` \|", guide, re.MULTILINE)) == own
