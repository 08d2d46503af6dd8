"""The examples for callers, run as they stand."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.service import serving

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DEMO = {"embedded": {"characters_per_second": 0}}


async def run(*command: str, **environ: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **environ}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode(), err.decode()


async def test_the_python_example_prints_a_whole_answer() -> None:
    async with serving(DEMO) as (server, _):
        code, out, err = await run(sys.executable, str(EXAMPLES / "python" / "chat.py"), server.target, "Hello there")
    assert (code, err) == (0, "")
    assert "Hello there" in out
    assert "-- embedded/demo" in out


async def test_the_node_example_prints_a_whole_answer_and_a_token_opens_the_door() -> None:
    if shutil.which("node") is None or not (EXAMPLES / "node" / "node_modules").is_dir():
        if os.environ.get("CI"):
            pytest.fail("the gate prepares Node and its packages")
        pytest.skip("node or its packages are not there: npm ci in examples/node")
    config = {**DEMO, "service": {"callers": {"node": {"token_env": "NODE_TOKEN"}}}}
    command = ("node", str(EXAMPLES / "node" / "chat.mjs"))
    async with serving(config, {"NODE_TOKEN": "for-node"}) as (server, _):
        code, out, _err = await run(*command, server.target, "Привет", ANTIPHON_TOKEN="for-node")
        assert code == 0
        assert "characters, whole" in out
        code, _, err = await run(*command, server.target, "hi", ANTIPHON_TOKEN="wrong")
        assert code == 1
        assert "UNAUTHENTICATED" in err


async def test_a_command_line_call_finds_everything_by_reflection() -> None:
    buf = str(Path(sys.executable).parent / "buf")
    question = '{"model": "chat", "messages": [{"role": "ROLE_USER", "parts": [{"text": "Hello there"}]}]}'
    async with serving(DEMO) as (server, _):
        address = f"http://{server.target}/antiphon.v1.InferenceService/Chat"
        code, out, err = await run(
            buf, "curl", "--http2-prior-knowledge", "--protocol", "grpc", "-d", question, address
        )
    assert (code, err) == (0, "")
    assert "Hello there" in out
    assert '"totalChars"' in out


async def test_a_stock_client_asks_for_health_by_reflection() -> None:
    buf = str(Path(sys.executable).parent / "buf")
    async with serving(DEMO) as (server, _):
        for service in ("", "antiphon.v1.InferenceService", "antiphon.v1.OperationsService"):
            address = f"http://{server.target}/grpc.health.v1.Health/Check"
            question = f'{{"service": "{service}"}}'
            code, out, err = await run(
                buf, "curl", "--http2-prior-knowledge", "--protocol", "grpc", "-d", question, address
            )
            assert (code, err) == (0, "")
            assert "SERVING" in out
            assert "NOT_SERVING" not in out
