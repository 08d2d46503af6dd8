"""`antiphon keys` and `antiphon check`: keys are kept, recognised, tried, and never shown."""

import json
import stat
from pathlib import Path

from tests.contract.conftest import upstream  # noqa: F401 - a fixture
from tests.contract.upstream import Upstream, delta
from tests.support.terminal import Ran, antiphon, program

GROQ, GROQ2 = "gsk_" + "a" * 52, "gsk_" + "b" * 52


async def keys(tmp_path: Path, *arguments: str, stdin: str | None = None, **environ: str) -> Ran:
    """By the program that `antiphon keys` becomes."""
    return await program(
        "inference_service",
        "keys",
        *arguments,
        directory=tmp_path,
        environ={"XDG_CONFIG_HOME": str(tmp_path), **environ},
        stdin=None if stdin is None else stdin.encode(),
    )


async def test_the_command_adds_lists_and_removes_a_key(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    for arguments, said in (
        (("add", "--for", "mistral"), "Stored as MISTRAL_API_KEY"),
        (("list",), "MISTRAL_API_KEY …mmmm"),
        (("remove", "MISTRAL_API_KEY"), "Removed MISTRAL_API_KEY."),
    ):
        ran = await antiphon("keys", *arguments, directory=tmp_path, environ=environ, stdin=b"m" * 32)
        assert (ran.code, said in ran.out) == (0, True), ran


async def test_a_pasted_key_is_recognised_and_kept_for_its_owner_alone(tmp_path: Path) -> None:
    added = await keys(tmp_path, "add", stdin=f"{GROQ}\n")
    assert (added.code, "Stored as GROQ_API_KEY, for Groq." in added.out) == (0, True)
    assert (await keys(tmp_path, "add", stdin=GROQ2)).out.startswith("Stored as GROQ_API_KEY1")
    path = tmp_path / "antiphon" / "keys.env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    listed = await keys(tmp_path, "list")
    assert "GROQ_API_KEY …aaaa" in listed.out
    assert GROQ not in listed.out + added.out
    again = await keys(tmp_path, "add", stdin=GROQ)
    assert (again.code, "already stored as GROQ_API_KEY" in again.err) == (2, True)
    removed = await keys(tmp_path, "remove", "GROQ_API_KEY1")
    assert removed.out == "Removed GROQ_API_KEY1.\n"
    missing = await keys(tmp_path, "remove", "GROQ_API_KEY1")
    assert (missing.code, "stored keys: GROQ_API_KEY" in missing.err) == (2, True)


async def test_a_key_that_could_be_anybodys_is_not_guessed(tmp_path: Path) -> None:
    asked = await keys(tmp_path, "add", stdin="m" * 32)
    assert asked.code == 2
    assert "--for mistral" in asked.err
    assert (await keys(tmp_path, "add", "--for", "mistral", stdin="m" * 32)).code == 0
    wrong = await keys(tmp_path, "add", "--for", "mistral", stdin=GROQ)
    assert "this looks like a key of Groq" in wrong.err
    broken = await keys(tmp_path, "add", stdin="gsk_abc def")
    assert "contains a space or a line break" in broken.err
    assert "abc" not in broken.err
    empty = await keys(tmp_path, "add", stdin="")
    assert "no key was entered" in empty.err


async def test_stored_keys_and_a_dotenv_file_are_used_and_the_environment_goes_before(tmp_path: Path) -> None:
    (tmp_path / "antiphon.toml").write_text("")
    (tmp_path / ".env").write_text(f"export MISTRAL_API_KEY='{'m' * 32}'  \n# a comment\nnonsense\n")
    await keys(tmp_path, "add", stdin=GROQ)
    listed = await keys(tmp_path, "list", GROQ_API_KEY=GROQ2, CEREBRAS_API_KEY="csk-" + "c" * 48)
    assert "GROQ_API_KEY …bbbb" in listed.out
    assert [line.split()[-1] for line in listed.out.splitlines()] == ["environment", "environment", ".env"]


async def checked(tmp_path: Path, upstream: Upstream, *flags: str) -> tuple[int, list[dict[str, str]], str]:  # noqa: F811
    environ = {
        "XDG_CONFIG_HOME": str(tmp_path),
        "GROQ_API_KEY": GROQ,
        "ANTIPHON__PROVIDERS__GROQ__BASE_URL": f"{upstream.url}/v1",
    }
    ran = await antiphon("check", "--json", *flags, directory=tmp_path, environ=environ)
    assert "Traceback" not in ran.err
    return ran.code, [json.loads(line) for line in ran.out.splitlines()], ran.err


async def test_a_check_asks_one_token_and_tells_what_is_left(tmp_path: Path, upstream: Upstream) -> None:  # noqa: F811
    limits = {
        "x-ratelimit-limit-requests": "1000",
        "x-ratelimit-remaining-requests": "999",
        "x-ratelimit-reset-requests": "1m26.4s",
    }
    whole = {"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "length"}]}
    upstream.answers = {
        "/v1/models": {"data": [{"id": "openai/gpt-oss-120b"}, {"id": "qwen/qwen3.6-27b"}]},
        "/v1/chat/completions": (200, whole, limits),
        "/v1/audio/transcriptions": {"text": ""},
    }
    code, rows, _ = await checked(tmp_path, upstream)
    assert code == 0
    assert [(row["task"], row["state"]) for row in rows] == [("chat", "ok"), ("vision", "ok"), ("transcribe", "ok")]
    assert rows[0]["left"] == "999 of 1,000 requests a day left, full again in 86 s"
    events = [body for _, path, _, body in upstream.seen if path.endswith("/chat/completions")]
    assert {body["max_completion_tokens"] for body in events} == {1}


async def test_the_cheap_look_asks_for_the_list_only(tmp_path: Path, upstream: Upstream) -> None:  # noqa: F811
    upstream.answers = {"/v1/models": {"data": [{"id": "openai/gpt-oss-120b"}]}}
    code, rows, _ = await checked(tmp_path, upstream, "--list")
    assert (code, rows[0]["state"], rows[0]["models"]) == (0, "ok", 1)
    assert {path for _, path, *_ in upstream.seen} == {"/v1/models"}


async def test_a_check_fails_where_nobody_can_answer_and_says_when_again(
    tmp_path: Path,
    upstream: Upstream,  # noqa: F811
) -> None:
    told = "Rate limit reached on tokens per day (TPD): Limit 10, Used 10, Requested 5. Please try again in 7m12s."
    upstream.answers = {
        "/v1/models": {"data": [{"id": "openai/gpt-oss-120b"}]},
        "/v1/chat/completions": (429, {"error": {"message": told, "code": "rate_limit_exceeded"}}, {}),
    }
    code, rows, _ = await checked(tmp_path, upstream)
    assert (code, rows[0]["state"], rows[0]["left"]) == (1, "quota_exhausted", "back in 7 min")


async def test_a_route_is_explained_by_todays_list(tmp_path: Path, upstream: Upstream) -> None:  # noqa: F811
    upstream.answers = {
        "/v1/models": {"data": [{"id": "openai/gpt-oss-20b", "context_window": 131072}]},
        "/v1/chat/completions": lambda _: [delta("hello", "stop")],
    }
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "GROQ_API_KEY": GROQ}
    environ["ANTIPHON__PROVIDERS__GROQ__BASE_URL"] = f"{upstream.url}/v1"
    ran = await antiphon("models", "--explain", "chat", directory=tmp_path, environ=environ)
    assert ran.code == 0
    assert "groq/openai/gpt-oss-20b" in ran.out
    assert "preferred, and in today's list" in ran.out
    assert "131,072" in ran.out
    assert "gpt-oss-120b" not in ran.out
    unknown = await antiphon("models", "--explain", "chatt", directory=tmp_path, environ=environ)
    assert (unknown.code, "There is no model 'chatt'" in unknown.out) == (1, True)
