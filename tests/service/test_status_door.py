"""The status page's door: names that it answers to, and what every response forbids a browser."""

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest

from inference_service.server import Server
from tests.service.test_door import DEMO
from tests.support.service import serving

PATHS = ("/", "/page.css", "/page.js", "/api/status", "/metrics")
OWN = (
    "127.0.0.1",
    "127.0.0.1:1",
    "[::1]:50552",
    "localhost",
    "LOCALHOST:50552",
    "localhost.",
    "10.1.2.3",
    "status.example",
)
FOREIGN = ("evil.example", "evil.example:50552", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost", "", "a b", "[::1", "status.example.evil")  # fmt: skip


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    service = {"http": False, "status_page": True, "status_port": 0, "status_names": ["Status.Example"]}
    async with serving({**DEMO, "service": service}) as (server, _):
        yield server


async def get(server: Server, path: str, host: str, method: str = "GET") -> tuple[int, dict[str, str], str]:
    url = f"http://127.0.0.1:{server.status_port}{path}"
    async with aiohttp.ClientSession() as session, session.request(method, url, headers={"Host": host}) as answer:
        return answer.status, dict(answer.headers), await answer.text()


@pytest.mark.parametrize("path", PATHS)
async def test_only_own_names_are_answered_so_that_no_web_page_reads_it_through_a_name_of_its_own(
    server: Server, path: str
) -> None:
    for host in OWN:
        assert (await get(server, path, host))[0] == 200, host
    for host in FOREIGN:
        status, _, text = await get(server, path, host)
        assert status in (400, 421), host
        assert "version" not in text


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_orchestrators_may_probe_under_any_name(server: Server, path: str) -> None:
    assert (await get(server, path, "pod-7.internal"))[0] == 200


@pytest.mark.parametrize(("method", "path", "host"), [
    *(("GET", path, "localhost") for path in (*PATHS, "/healthz", "/nothing", "/page.html", "/../page.py")),
    ("POST", "/", "localhost"),
    ("GET", "/", "evil.example"),
])  # fmt: skip
async def test_every_response_forbids_frames_foreign_code_and_keeping(
    server: Server, method: str, path: str, host: str
) -> None:
    _, headers, _ = await get(server, path, host, method)
    policy = dict(rule.strip().partition(" ")[::2] for rule in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("base-uri", "form-action", "frame-ancestors")} == {"'none'"}
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")
    assert (headers["X-Frame-Options"], headers["Referrer-Policy"]) == ("DENY", "no-referrer")
    assert "aiohttp" not in headers["Server"]


async def test_the_page_holds_no_inline_code_or_style(server: Server) -> None:
    _, _, text = await get(server, "/", "localhost")
    assert re.findall(r"<(?:script|style)(?![^>]*\bsrc=)[^>]*>", text) == []
    assert re.findall(r"\s(?:style|on\w+)=", text) == []
    assert {path: (await get(server, path, "localhost"))[1]["Content-Type"] for path in ("/page.css", "/page.js")} == {
        "/page.css": "text/css; charset=utf-8",
        "/page.js": "text/javascript; charset=utf-8",
    }
