"""The twelve usual keys in the environment and nothing else configured: somebody answers, draws, and is checked."""

import base64
import json
from pathlib import Path
from typing import Any

from antiphon import events
from tests.contract.conftest import upstream  # noqa: F401 - a fixture
from tests.contract.upstream import PNG, Upstream, delta
from tests.support.service import serving
from tests.support.terminal import antiphon
from tests.unit.test_catalogue import KEYS

PROVIDERS = (
    "groq", "cerebras", "gemini", "mistral", "cloudflare", "openrouter", "nvidia", "huggingface", "zai", "cohere", "openai", "deepseek",
)  # fmt: skip


class AllOfThem(dict[str, Any]):
    """Every provider by the beginning of the path: a list of its preferences, answers, and pictures."""

    def __init__(self, spent: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.spent = spent

    def get(self, path: str, default: Any = None) -> Any:
        name = path.split("/")[1]
        if path.endswith("flux-1-schnell"):
            return {"result": {"image": base64.b64encode(PNG).decode()}, "success": True}
        if path.endswith("/audio/transcriptions") or "whisper" in path:
            return {"text": "hello"}
        if path.endswith(("/embeddings", "/feature-extraction")):
            return {"data": [{"index": 0, "embedding": [0.5, 0.25]}]}
        if not path.endswith("/chat/completions"):
            return default
        if name in self.spent:
            return 429, {"error": {"message": "Rate limit reached: 10 requests per day. Try again in 3 hours."}}, {}
        return [delta(f"hello from {name}"), delta("", "stop"), b"data: [DONE]\n\n"]


def addresses(url: str) -> dict[str, dict[str, str]]:
    return {name: {"base_url": f"{url}/{name}"} for name in PROVIDERS}


async def test_the_first_usable_provider_answers_and_exhausted_ones_are_skipped(upstream: Upstream) -> None:  # noqa: F811
    upstream.answers = AllOfThem(spent=("groq", "cerebras", "gemini"))
    settings = {"providers": addresses(upstream.url), "images": {"allow_private_addresses": True}}
    async with serving(settings, KEYS) as (_, client):
        words = [event.text async for event in client.chat("hello") if isinstance(event, events.Delta)]
        assert "".join(words) == "hello from mistral"
        calls = sum(method == "POST" for method, *_ in upstream.seen)
        words = [event.text async for event in client.chat("hello") if isinstance(event, events.Delta)]
        assert "".join(words) == "hello from mistral"
        assert sum(method == "POST" for method, *_ in upstream.seen) == calls + 1  # nobody who is spent is asked
        pictures = [event async for event in client.image("a fox") if isinstance(event, events.Picture)]
        assert len(pictures) == 1
        heard = await client.transcribe(events.Audio("audio/ogg", b"OggS" + bytes(200)))
        assert (heard.text, heard.deployment) == ("hello", "groq/whisper-large-v3-turbo")
        vectors = await client.embed(["a fox"])
        assert vectors.deployment == "mistral/mistral-embed"


async def test_a_check_names_each(tmp_path: Path, upstream: Upstream) -> None:  # noqa: F811
    upstream.answers = AllOfThem()
    environ = {f"ANTIPHON__PROVIDERS__{name.upper()}__BASE_URL": f"{upstream.url}/{name}" for name in PROVIDERS}
    ran = await antiphon(
        "check", "--json", directory=tmp_path, environ={**KEYS, **environ, "XDG_CONFIG_HOME": str(tmp_path)}
    )
    rows = [json.loads(line) for line in ran.out.splitlines()]
    answered: dict[str, set[str]] = {}
    for row in rows:
        if row["state"] == "ok":
            answered.setdefault(row["task"], set()).add(row["provider"])
    assert answered["chat"] == set(PROVIDERS)
    assert {"groq", "mistral", "cloudflare", "huggingface"} <= answered["transcribe"]
    assert {"mistral", "cloudflare", "cohere"} <= answered["embed"]
    assert answered["image"] == {"cloudflare"}
    paid = {row["task"] for row in rows if row["provider"] == "openai"}
    assert paid == {"chat", "vision"}  # what costs something is not bought to find out
    assert "1,000 requests a day" in next(row["left"] for row in rows if row["provider"] == "groq")
    assert "Traceback" not in ran.err
