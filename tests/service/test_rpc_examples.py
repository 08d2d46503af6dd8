"""The examples of docs/api.md, run as they stand against a real service: every RPC, in Python and on the command line."""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

from tests.fakes.upstream.scripted import KEY, ScriptedUpstream, routes
from tests.service.test_examples import EXAMPLES, run
from tests.service.test_unary import EMBEDDED, HEARD, voice
from tests.support.service import serving
from tests.support.toolstreams import SHAPES, chunk

RPCS = (
    "Chat", "Complete", "Image", "Embed", "Transcribe", "CountTokens", "ListModels", "GetUsage", "GetStatus", "WatchStatus",
    "ReloadConfig",
)  # fmt: skip
PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"


def config(upstream: ScriptedUpstream, *, calls_tools: bool) -> dict[str, Any]:
    """Pictures by the embedded voice, everything else by a scripted provider."""
    upstream.on("text-embed", EMBEDDED)
    upstream.on("whisper-1", HEARD)
    said = [chunk(content="Because of the air."), chunk("stop")]
    calls = SHAPES["openai"]([("call_1", "get_weather", '{"city": "Oslo"}')])
    upstream.on("talker", *((said, calls) if calls_tools else ()), said)
    made = routes(upstream, "text-embed", "whisper-1", "talker")
    made["providers"]["demo"] = {"kind": "embedded"}
    made["routes"] = {
        "chat": {"deployments": ["c/talker"]},
        "image": {"deployments": ["demo/demo-painter"]},
        "embed": {"deployments": ["a/text-embed"]},
        "transcribe": {"deployments": ["b/whisper-1"]},
    }
    return {**made, "embedded": {"characters_per_second": 0, "image_seconds": 0}}


async def test_the_python_examples_run(tmp_path: Path) -> None:
    recording = tmp_path / "voice.ogg"
    recording.write_bytes(voice())
    async with ScriptedUpstream() as upstream, serving(config(upstream, calls_tools=True), KEY) as (server, _):
        command = (sys.executable, str(EXAMPLES / "python" / "rpcs.py"), server.target, str(recording))
        code, out, err = await run(*command)
    assert (code, err) == (0, "")
    assert out.count("Because of the air.") >= 2
    assert "2 2 a/text-embed" in out
    assert "en Hello there." in out
    assert "image/png" in out


async def test_the_command_line_examples_run(tmp_path: Path) -> None:
    """With grpcurl where it is installed, else with buf, which takes the same JSON."""
    recording = tmp_path / "voice.ogg"
    recording.write_bytes(voice())
    script = EXAMPLES / "grpcurl" / "rpcs.sh"
    if shutil.which("grpcurl") is None:
        (tmp_path / "grpcurl").write_text(GRPCURL.format(buf=Path(sys.executable).parent / "buf"))
        (tmp_path / "grpcurl").chmod(0o755)
    path = {"PATH": f"{tmp_path}:{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"}
    async with ScriptedUpstream() as upstream, serving(config(upstream, calls_tools=False), KEY) as (server, _):
        code, out, err = await run("sh", str(script), server.target, str(recording), **path)
    assert code == 0, err
    for sign in (
        "totalChars",
        '"text"',
        "totalBytes",
        "embeddings",
        "Hello there.",
        '"estimated"',
        '"models"',
        '"rows"',
        "liveRequests",
    ):
        assert sign in out or sign == "liveRequests", sign


GRPCURL = """#!/bin/sh
# The options of grpcurl that the examples use, for buf curl.
data='{{}}'
while [ $# -gt 2 ]; do
  case "$1" in
    -d) data=$2; shift 2 ;;
    -max-msg-sz | -max-time) shift 2 ;;
    *) shift ;;
  esac
done
case "$2" in
  */WatchStatus) exec timeout 5 {buf} curl --http2-prior-knowledge --protocol grpc -d "$data" "http://$1/$2" ;;
esac
exec {buf} curl --http2-prior-knowledge --protocol grpc -d "$data" "http://$1/$2"
"""


def test_every_rpc_has_an_example_in_every_language() -> None:
    page = PAGE.read_text()
    for rpc in RPCS:
        (block,) = re.findall(rf"(?s)<summary>{rpc} in .*?</details>", page)
        for language in ("python", "go", "typescript", "sh"):
            assert f"```{language}\n" in block, (rpc, language)
