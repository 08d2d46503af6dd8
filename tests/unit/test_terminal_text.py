"""What the terminal shows and stores, without a terminal: blocks of Markdown, files and pages, names, JSON."""

import dataclasses
import io
import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from antiphon import errors, events
from antiphon.cli import attachments, conversation, history, image, output, welcome
from antiphon.cli.output import UsageProblem
from antiphon.cli.writing import MarkdownWriter, finished_blocks
from antiphon.events import Message
from antiphon.v1 import chat_pb2, common_pb2, image_pb2, models_pb2, usage_pb2

PNG = b"\x89PNG\r\n\x1a\n"


# --- Markdown ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "finished", "rest"),
    [
        ("One", "", "One"),
        ("One\n\nTwo", "One", "Two"),
        ("One\n\n", "One", ""),
        ("```py\na\n\nb", "", "```py\na\n\nb"),
        ("```py\na\n\nb\n```\n\nc", "```py\na\n\nb\n```", "c"),
        ("~~~\n```\n\n~~~\n\nx", "~~~\n```\n\n~~~", "x"),
        ("````\n```\n\n", "", "````\n```\n\n"),
    ],
)
def test_a_block_is_finished_at_an_empty_line_outside_of_a_fence(text: str, finished: str, rest: str) -> None:
    assert finished_blocks(text) == (finished, rest)


@given(st.lists(st.sampled_from(["word ", "\n", "\n\n", "```", "~~~\n", "# x\n", "- y\n"]), max_size=20))
def test_however_it_is_cut_no_character_is_lost(pieces: list[str]) -> None:
    text = "".join(pieces)
    finished, rest = finished_blocks(text)
    assert text.endswith(rest)
    assert text.startswith(finished) or text.lstrip("\n").startswith(finished)
    assert not text[: len(text) - len(rest)].replace(finished, "", 1).strip("\n")


def test_an_answer_in_pieces_is_rendered_once_and_has_no_trailing_spaces() -> None:
    screen = io.StringIO()
    writer = MarkdownWriter(Console(file=screen, width=60, height=20))
    for piece in ("# Ti", "tle\n\nSome **bo", "ld** text.\n\n- a\n- b\x1b[2J\n\n", "```py\nx = 1\n\ny = 2\n```"):
        writer.write(piece)
    writer.close()
    shown = screen.getvalue()
    assert shown.count("bold") == 1
    assert "**" not in shown
    assert "\x1b[2J" not in shown
    assert "• b[2J\n" in shown
    assert shown.index("x = 1") < shown.index("y = 2")


# --- attachments -------------------------------------------------------------------------------


def test_a_file_is_quoted_a_picture_is_a_picture_and_other_bytes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Use ```code```", encoding="utf-8")
    (tmp_path / "windows.txt").write_bytes("лиса".encode("utf-16"))
    (tmp_path / "b").write_bytes(PNG)
    (tmp_path / "c.bin").write_bytes(b"\xff\xd9\x00")
    assert attachments.attachment(str(tmp_path / "a.md")) == f"{tmp_path}/a.md:\n````\nUse ```code```\n````"
    assert "лиса" in str(attachments.attachment(str(tmp_path / "windows.txt")))
    assert attachments.attachment(str(tmp_path / "b")) == events.Image("image/png", PNG)
    with pytest.raises(UsageProblem, match="is not text"):
        attachments.attachment(str(tmp_path / "c.bin"))
    with pytest.raises(FileNotFoundError):
        attachments.attachment(str(tmp_path / "none.txt"))


def test_a_page_is_read_as_a_person_reads_it() -> None:
    source = "<head><title>T</title></head><body><script>x()</script><h1>Foxes</h1><p>are <b>red</b>.<br>Mostly.</body>"
    assert attachments.page_text(source) == "Foxes\nare red.\nMostly."


# --- files -------------------------------------------------------------------------------------


def test_no_picture_overwrites_a_file_unless_it_is_forced(tmp_path: Path) -> None:
    options = image.ImageOptions("fox", output=tmp_path / "fox.png")
    assert image.destination(options) == (tmp_path / "fox.png", "png")
    (tmp_path / "fox.png").touch()
    with pytest.raises(UsageProblem, match=r"exists already.*--force"):
        image.destination(options)
    assert image.destination(dataclasses.replace(options, force=True))[0] == tmp_path / "fox.png"
    in_folder = image.ImageOptions("fox", output=tmp_path, format="webp")
    assert image.destination(in_folder)[0] == tmp_path / "image.webp"
    (tmp_path / "image.webp").touch()
    assert image.destination(in_folder)[0] == tmp_path / "image-2.webp"
    (tmp_path / "image-1.webp").touch()
    assert image.destination(dataclasses.replace(in_folder, count=2))[0] == tmp_path / "image-2.webp"
    (tmp_path / "many-2.png").touch()
    with pytest.raises(UsageProblem, match=r"many-2\.png exists"):
        image.destination(image.ImageOptions("fox", output=tmp_path / "many.png", count=2))


def test_a_conversation_is_saved_as_markdown_and_never_over_another_file(tmp_path: Path) -> None:
    turns = [Message.user("Why?"), Message.assistant("Because.")]
    path = conversation.save_markdown(turns, str(tmp_path / "talk.md"))
    assert path.read_text(encoding="utf-8") == "## Question\n\nWhy?\n\n## Answer\n\nBecause.\n"
    with pytest.raises(UsageProblem, match="exists already"):
        conversation.save_markdown(turns, str(path))
    assert conversation.save_markdown(turns, str(tmp_path)) == tmp_path / "chat.md"
    with pytest.raises(UsageProblem, match="nothing to save"):
        conversation.save_markdown(turns[:1], str(tmp_path / "new.md"))


def test_the_last_conversation_is_kept_for_its_owner_only(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    assert history.load(environ) is None
    turns = [
        Message.system("Be brief."),
        Message.user("Why?", events.Image("image/png", PNG)),
        Message.assistant("So."),
    ]
    history.save(turns, "chat", environ)
    loaded = history.load(environ)
    assert loaded is not None
    assert ([turn.text for turn in loaded[0]], loaded[1]) == (["Be brief.", "Why?", "So."], "chat")
    stored = tmp_path / "antiphon" / "conversation.json"
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    stored.write_text("{", encoding="utf-8")
    assert history.load(environ) is None
    history.save(turns, "chat", {})  # no home: nothing to write to


# --- JSON --------------------------------------------------------------------------------------

ATTEMPT = errors.FailedAttempt("a/b", "timeout", 0, 1.5)
EVENTS = [
    (events.Started("r", "a/b", 1), "started", common_pb2.Started),
    (events.Progress("queue", 0.5, 3, 7.0), "progress", common_pb2.Progress),
    (events.Notice("dropped", "seed", "no"), "notice", common_pb2.Notice),
    (events.Handover("a/b", "c/d", "timeout", 3, 2), "handover", common_pb2.Handover),
    (events.Finished("stop", 3, 0.5, 1, "a/b", (ATTEMPT,)), "finished", chat_pb2.ChatFinished),
    (events.ImageFinished(1, 0.5, 1, "a/b", (ATTEMPT,)), "finished", image_pb2.ImageFinished),
    (events.Picture(0, "image/png", PNG, 1, 1, 7), "image", image_pb2.ImageHeader),
    (events.Preview(0, "image/png", PNG), "preview", image_pb2.Preview),
    (events.UsageRow("a/b", 1, 2, 3, 4, 5, 6), "usage_row", usage_pb2.UsageRow),
    (events.Model("chat", (), ("chat",), ("a/b",), events.Capabilities(), True, False), "model", models_pb2.Model),
]


@pytest.mark.parametrize(("event", "name", "message"), EVENTS, ids=lambda value: type(value).__name__)
def test_json_uses_the_names_of_the_contract(
    event: object, name: str, message: type, capsys: pytest.CaptureFixture[str]
) -> None:
    output.line(event)
    written = json.loads(capsys.readouterr().out)
    assert written.pop("event") == name
    fields = {field.name for field in message.DESCRIPTOR.fields}  # type: ignore[attr-defined] # a message by construction
    assert written.keys() <= fields


# --- what `antiphon up` says -------------------------------------------------------------------


def model(name: str, *deployments: str, available: bool = True) -> events.Model:
    return events.Model(name, (), ("chat",), deployments, events.Capabilities(), available, False)


def test_the_start_says_what_works_what_does_not_and_what_to_do_next() -> None:
    demo = welcome.sentences([model("chat", "embedded/demo"), model("image", "embedded/demo-painter")])
    assert demo[:2] == ["  ✓  answers questions: embedded/demo", "  ✓  draws: embedded/demo-painter"]
    assert demo[2] == "  -  looks at pictures: no provider for it yet"
    assert "antiphon keys add" in demo[-1]
    real = welcome.sentences([model("chat", "a/1", "b/2", "c/3", "d/4"), model("vision", "a/1", available=False)])
    assert real[0] == "  ✓  answers questions: a/1, b/2, c/3 and 1 more"
    assert real[1] == "  !  looks at pictures: not available now"
    assert "antiphon check" in real[-1]


def test_the_start_names_the_command_as_this_shell_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripts, elsewhere = tmp_path / "project/.venv/bin", tmp_path / "elsewhere"
    for folder in (scripts, elsewhere):
        folder.mkdir(parents=True)
        (folder / "antiphon").touch(mode=0o755)
    monkeypatch.setattr(welcome.sys, "executable", str(scripts / "python"))
    monkeypatch.chdir(tmp_path / "project")
    for path, expected in (
        (tmp_path / "nothing", ".venv/bin/antiphon"),
        (scripts, "antiphon"),
        (elsewhere, ".venv/bin/antiphon"),  # another installation's command would talk to another configuration
    ):
        monkeypatch.setenv("PATH", str(path))
        assert welcome.command() == expected
    monkeypatch.chdir(elsewhere)
    assert welcome.command() == str(scripts / "antiphon")
