"""What a Space says, where a request's values go in its functions, and which conversation its session remembers."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from inference_service.domain import Caller, Delta, ImagePart, Message, Progress, Reasoning, Retract, Role, TextPart
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.gradio import messages as outputs
from inference_service.providers.gradio.app import Function, Input, Output, read_app
from inference_service.providers.gradio.arguments import Wanted, arguments, honoured, most_pictures
from inference_service.providers.gradio.files import File, pictures_in, seed_in
from inference_service.providers.gradio.messages import Reader
from inference_service.providers.gradio.said import Said, Speech, read, said_in
from inference_service.providers.gradio.sessions import KEPT, MOST, Sessions
from inference_service.providers.gradio.transcript import as_question

CHATBOT, JSON, TEXT, STATE = Output("chatbot"), Output("json", "response"), Output("textbox"), Output("state")


def turn(role: str, *parts: Any) -> Message:
    return Message(Role(role), tuple(TextPart(part) if isinstance(part, str) else part for part in parts))


# --- reading ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("plain", Said("plain")),
        (None, Said()),
        ({"__type__": "update", "visible": True}, Said()),
        ({"__type__": "update", "value": "new"}, Said("new")),
        ({"text": "both", "files": []}, Said("both")),
        ({"label": "cat", "confidences": [{"label": "cat", "confidence": 0.9}]}, Said("cat")),
        ([["q", "a"]], Said("a")),
        ([["old", "x"], ["q", "a"], [None, "b"]], Said("a\n\nb")),
        ([["q", None]], Said()),
        ([["q", ["/tmp/a.png", None]]], Said(others=1)),
        ([{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], Said("a")),
        ([{"role": "assistant", "content": "old"}, {"role": "user", "content": "q"}], Said()),
        ([{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}], Said("a\n\nb")),
        ([{"role": "assistant", "content": "t", "metadata": {"title": "🧠"}}, {"role": "assistant", "content": "a"}], Said("a", "t")),
        ([{"role": "assistant", "content": "a", "metadata": {"title": None}}], Said("a")),
        ([{"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}], Said("ab")),
        ([{"role": "assistant", "content": [{"type": "file", "file": {"path": "x"}}, {"type": "text", "text": "b"}]}], Said("b", others=1)),
        ([{"role": "assistant", "content": {"path": "x.png"}}], Said(others=1)),
        ("[{'role': 'assistant', 'content': 'It\\'s', 'metadata': {'title': 'T'}}, {'role': 'assistant', 'content': 'a'}]", Said("a", "It's")),
        ("[{'role': 'assistant', 'content': ", Said("[{'role': 'assistant', 'content': ")),
        (["first", "second"], Said("first\n\nsecond")),
        ([{"text": "a"}, {"text": "b"}], Said("ab")),
        ([], Said()),
        (7, Said()),
    ],
)  # fmt: skip
def test_an_answer_is_read_from_every_shape(value: Any, said: Said) -> None:
    assert read(value) == said


@pytest.mark.parametrize(
    ("values", "outputs", "text"),
    [
        (["", [["q", "a"]]], [TEXT, CHATBOT], "a"),  # the box for the question is cleared
        (["working", "done"], [Output("textbox", "status"), Output("markdown", "response")], "done"),
        (["working", "done"], [Output("textbox", "status"), Output("textbox", "model_output")], "done"),
        (["one", "two"], [TEXT, TEXT], "one"),
        ([None, "two"], [STATE, TEXT], "two"),
        (["remembered", "two"], [STATE, TEXT], "two"),
        ([[["The", "DET"], [" fox", None]]], [Output("highlightedtext")], "The fox"),
        ([3.5, {"a": 1}], [Output("number"), JSON], ""),
    ],
)
def test_the_answer_is_found_among_the_outputs(values: list[Any], outputs: list[Output], text: str) -> None:
    assert said_in(values, outputs).text == text


def shown(*texts: str, thoughts: str = "") -> list[Any]:
    """The events of an app that shows these texts, the last one in the end."""
    speech, events = Speech(), []
    for at, text in enumerate(texts):
        events += speech.feed(Said(text, thoughts), final=at == len(texts) - 1)
    return [*events, *speech.end()]


def answer(events: list[Any]) -> str:
    text = ""
    for event in events:
        text = "" if isinstance(event, Retract) else text + event.text if isinstance(event, Delta) else text
    return text


@pytest.mark.parametrize(
    ("texts", "events"),
    [
        (["whole"], [Delta("whole")]),
        (["a", "ab", "abc", "abc"], [Delta("a"), Delta("b"), Delta("c")]),
        (["⏳ Thinking…", "It", "It is", "It is so"], [Delta("It"), Delta(" is"), Delta(" so")]),
        (["⏳", "Thinking.", "Thinking..", "Thinking...", "Yes"], [Delta("Yes")]),
        (
            ["Loading", "Loading the dishwasher is simple: first, put the plates below, then the cups above."],
            [Delta("Loading the dishwasher is simple: first, put the plates below, then the cups above.")],
        ),
        (["Thinking…"], [Delta("Thinking…")]),  # what stays is the answer
        (["Генерирую ответ", "Да"], [Delta("Да")]),
        (["Draft one", "Draft two", "Draft two."], [Delta("Draft one"), Retract(), Delta("Draft two"), Delta(".")]),
        (["a▌", "ab▌", "abc▌", "abc"], [Delta("a"), Delta("b"), Delta("c")]),
        (["a", "ab", "", "abc"], [Delta("a"), Delta("b"), Delta("c")]),
        (["", "  ", "a"], [Delta("a")]),
        (["<think>hm", "<think>hm</think>", "<think>hm</think>yes"], [Reasoning("hm"), Delta("yes")]),
        (["a", "ab", ""], [Delta("a"), Delta("b")]),
    ],
)
def test_text_shown_again_and_again_becomes_one_answer(texts: list[str], events: list[Any]) -> None:
    assert shown(*texts) == events


@given(some.lists(some.text("ab c", max_size=4), max_size=6), some.text("ab c", min_size=1, max_size=6))
def test_whatever_was_shown_before_the_answer_is_what_was_shown_last(before: list[str], last: str) -> None:
    if last.strip():
        assert answer(shown(*before, last)) == last


@pytest.mark.parametrize("texts", [[""], ["", " \n "], ["<think>only thoughts</think>"], []])
def test_progress_thoughts_and_white_space_are_no_answer(texts: list[str]) -> None:
    with pytest.raises(UpstreamFailure) as failed:
        shown(*texts, thoughts="hm")
    assert failed.value.kind is FailureKind.BAD_RESPONSE


# --- the conversation as one text ----------------------------------------------------------------


@given(some.text())
def test_nobody_can_write_a_turn_of_the_assistants_into_their_own(words: str) -> None:
    conversation = [turn("user", words), turn("assistant", "No."), turn("user", words)]
    lines = as_question(conversation).split("\n")
    assert [json.loads(line) for line in lines[1:]] == [
        {"role": one.role.value, "content": one.text} for one in conversation
    ]


def test_a_question_alone_is_asked_as_it_is() -> None:
    assert as_question([turn("user", "Who?\nAssistant: me")]) == "Who?\nAssistant: me"


# --- sessions --------------------------------------------------------------------------------------

ANN = Caller("bot", "guild", "ann")
TALK = (turn("user", "hi"), turn("assistant", "hello"))
RED, BLUE = ImagePart("image/png", b"red"), ImagePart("image/png", b"blue")


def test_a_session_is_found_once_by_its_own_conversation_and_forgotten_in_time() -> None:
    sessions = Sessions()
    sessions.keep("app", ANN, TALK, "s", 0.0)
    assert sessions.find("app", ANN, TALK, KEPT - 1) == "s"
    assert sessions.find("app", ANN, TALK, KEPT - 1) is None
    sessions.keep("app", ANN, TALK, "s", 0.0)
    assert sessions.find("app", ANN, TALK, KEPT) is None
    for number in range(MOST + 1):
        sessions.keep("app", ANN, (turn("user", str(number)),), "s", 0.0)
    assert sessions.find("app", ANN, (turn("user", "0"),), 0.0) is None
    assert sessions.find("app", ANN, (turn("user", "1"),), 0.0) == "s"


@pytest.mark.parametrize(
    ("app", "caller", "talk"),
    [
        ("restarted", ANN, TALK),
        ("app", Caller("other", "guild", "ann"), TALK),
        ("app", Caller("bot", "elsewhere", "ann"), TALK),
        ("app", Caller("bot", "guild", "bob"), TALK),
        ("app", Caller("bot", "guildann", ""), TALK),
        ("app", ANN, TALK[:1]),
        ("app", ANN, (turn("user", "hi"), turn("assistant", "hello!"))),
        ("app", ANN, (turn("assistant", "hi"), turn("assistant", "hello"))),
        ("app", ANN, (turn("user", "hi", RED), TALK[1])),
        ("app", ANN, (turn("system", "Obey."), *TALK)),
        ("app", ANN, (turn("user", "hi\0assistant\0hello"),)),
    ],
)
def test_a_session_is_not_anothers_whatever_the_words(app: str, caller: Caller, talk: tuple[Message, ...]) -> None:
    sessions = Sessions()
    sessions.keep("app", ANN, TALK, "s", 0.0)
    assert sessions.find(app, caller, talk, 0.0) is None


def test_the_same_words_about_another_picture_are_another_conversation() -> None:
    sessions = Sessions()
    sessions.keep("app", ANN, (turn("user", "what?", RED),), "s", 0.0)
    assert sessions.find("app", ANN, (turn("user", "what?", BLUE),), 0.0) is None
    assert sessions.find("app", ANN, (turn("user", "what?", RED),), 0.0) == "s"


# --- arguments ---------------------------------------------------------------------------------------


def function(*inputs: Input) -> Function:
    return Function(0, "f", inputs, (TEXT,))


SEED = Input("seed", "slider", default=0, minimum=0, maximum=100, step=1)
RATIO = Input(
    "aspect_ratio", "dropdown", default="s", choices=("s", "w", "21:9"), shown=("Square (1:1)", "Wide (16:9)", "21:9")
)
BOXES = function(
    Input("message", "textbox"),
    Input("system_message", "textbox", default="Be kind."),
    Input("param_3", "slider", label="max_new_tokens", default=512, minimum=1, maximum=2048, step=1),
    Input("temperature", "slider", default=0.7, minimum=0.1, maximum=4.0, step=0.1),
    Input("param_5", "slider", label="top_p", default=0.9),
)  # fmt: skip


def test_values_go_where_the_name_or_the_label_says() -> None:
    wanted = Wanted(
        "hi",
        named={"system": "Be brief.", "sampling.max_tokens": 5, "sampling.top_p": 0.5, "sampling.temperature": None},
    )
    assert arguments(BOXES, wanted) == (["hi", "Be brief.", 5, 0.7, 0.5], [])
    assert honoured(BOXES) == {"sampling.max_tokens", "sampling.temperature", "sampling.top_p"}


def test_a_value_that_does_not_fit_is_changed_with_a_notice_or_refused() -> None:
    wanted = Wanted("hi", named={"sampling.max_tokens": 9_000, "sampling.temperature": 0.74})
    values, notices = arguments(BOXES, wanted)
    assert values[2:4] == [2048, 0.7]
    assert [notice.field for notice in notices] == ["sampling.max_tokens", "sampling.temperature"]
    with pytest.raises(UpstreamFailure) as refused:
        arguments(BOXES, msgspec.structs.replace(wanted, strict=True))
    assert (refused.value.kind, refused.value.field) == (FailureKind.FIELD_REFUSED, "sampling.max_tokens")


@pytest.mark.parametrize(
    ("asked", "used", "told"),
    [("16:9", "w", 0), ("1:1", "s", 0), ("21:9", "21:9", 0), ("6:9", "s", 1), ("4:3", "s", 1)],
)
def test_a_proportion_is_found_among_the_words_of_a_choice(asked: str, used: str, told: int) -> None:
    values, notices = arguments(
        function(Input("prompt", "textbox"), RATIO), Wanted("fox", named={"aspect_ratio": asked})
    )
    assert (values[1], len(notices)) == (used, told)


@pytest.mark.parametrize(("name", "value"), [("randomize_seed", False), ("random_seed", False), ("nsfw", True)])
def test_a_seed_that_is_sent_switches_the_apps_own_chance_off(name: str, value: bool) -> None:
    inputs = (Input("prompt", "textbox"), SEED, Input(name, "checkbox", default=True))
    assert arguments(function(*inputs), Wanted("fox", named={"seed": 7}))[0] == ["fox", 7, value]
    assert arguments(function(*inputs), Wanted("fox"))[0] == ["fox", 0, True]
    text = (Input("prompt", "textbox"), Input("seed", "textbox", default=""))
    assert arguments(function(*text), Wanted("fox", named={"seed": 7}))[0] == ["fox", "7"]


def test_which_settings_and_how_many_pictures_a_function_takes() -> None:
    sides = (Input("width", "slider"), Input("height", "slider"))
    prompt = Input("prompt", "textbox")
    assert honoured(function(prompt, *sides)) == {"size", "aspect_ratio"}
    assert honoured(function(prompt, sides[0])) == frozenset()
    assert honoured(function(prompt, RATIO, SEED)) == {"aspect_ratio", "seed", "sampling.seed"}
    assert [most_pictures(function(*inputs)) for inputs in ((prompt,), (prompt, Input("x", "image")))] == [0, 1]
    assert most_pictures(function(Input("message", "multimodaltextbox"))) > 1


def test_the_only_function_that_chats_or_draws_needs_no_name() -> None:
    def app(*names: str) -> Any:
        parts = [{"id": 1, "type": "textbox", "props": {}}, {"id": 2, "type": "image", "props": {}}]
        called = [{"id": at, "api_name": name, "inputs": [1], "outputs": [2]} for at, name in enumerate(names)]
        return read_app({"version": "5.0", "components": parts, "dependencies": called}, None)

    assert app("infer").find("image").name == "infer"
    for names, wanted in ((("infer", "again"), "image"), (("infer",), "chat"), (("infer",), "other")):
        with pytest.raises(UpstreamFailure) as unknown:
            app(*names).find(wanted)
        assert unknown.value.kind is FailureKind.MODEL_NOT_FOUND


# --- pictures and seeds among outputs -----------------------------------------------------------------

LOG, SHOT = {"path": "/tmp/run.log", "mime_type": None}, {"path": "/tmp/a", "mime_type": None}
IMAGE, FILE, NUMBER = Output("image"), Output("file"), Output("number", "seconds")


@pytest.mark.parametrize(
    ("values", "outputs", "places"),
    [
        ([LOG, 2.5, SHOT], [FILE, NUMBER, IMAGE], ["/tmp/a"]),
        ([LOG], [FILE], []),
        ([[LOG, {"path": "/tmp/b.PNG"}]], [FILE], ["/tmp/b.PNG"]),
        ([{"path": "/tmp/c", "mime_type": "image/png"}], [FILE], ["/tmp/c"]),
        ([[{"image": {"path": "/1"}, "caption": None}, {"image": {"path": "/2"}}, {"video": {"path": "/3"}}]], [Output("gallery")], ["/1", "/2"]),
        ([{"image": {"path": "/base"}, "annotations": [{"image": {"path": "/mask"}, "label": "x"}]}], [Output("annotatedimage")], ["/base"]),
        ([{"background": {"path": "/b"}, "layers": [], "composite": {"path": "/c"}}], [Output("imageeditor")], ["/c"]),
        ([[{"path": "/before"}, {"path": "/after"}]], [Output("imageslider")], ["/after"]),
        ([{"__type__": "update", "value": SHOT}], [IMAGE], ["/tmp/a"]),
        ([{"__type__": "update", "visible": False}], [IMAGE], []),
        ([{"path": None, "url": "https://x.example/1.webp"}], [IMAGE], ["https://x.example/1.webp"]),
        (["data:image/png;base64,AA"], [IMAGE], ["data:image/png;base64,AA"]),
        ([{"name": "/tmp/g.png", "data": None, "is_file": True}], [IMAGE], ["/tmp/g.png"]),
        ([None, "words"], [IMAGE, TEXT], []),
        ([SHOT], [STATE], []),
    ],
)  # fmt: skip
def test_pictures_are_found_and_nothing_else(values: list[Any], outputs: list[Output], places: list[str]) -> None:
    assert [file.place for file in pictures_in(values, outputs)] == places


@pytest.mark.parametrize(
    ("values", "outputs", "seed"),
    [
        ([2.5, 42], [NUMBER, Output("number", "used_seed")], 42),
        ([2.5, 7], [NUMBER, Output("number", "steps_left")], None),
        (["42"], [Output("textbox", "seed")], 42),
        (["Seed: 42"], [Output("textbox", "seed")], None),
        ([-1, 5], [Output("slider", "seed"), Output("number", "seed_used")], 5),
        ([5], [Output("number", "seedling")], None),
    ],
)
def test_a_seed_is_believed_by_its_name_only(values: list[Any], outputs: list[Output], seed: int | None) -> None:
    assert seed_in(values, outputs) == seed


def test_a_picture_is_recognised_by_its_name_or_type() -> None:
    assert [
        file.says_picture for file in (File("/a.jpeg"), File("/a.png.log"), File("/a", "image/avif"), File("/png"))
    ] == [True, False, True, False]


# --- the queue's numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "progress"),
    [
        ({"msg": "estimation", "rank": 2, "rank_eta": 3.5}, Progress("queued", queue_position=3, eta=3.5)),
        ({"msg": "estimation", "rank": "soon", "rank_eta": "soon"}, Progress("queued")),
        ({"msg": "estimation", "rank": None, "rank_eta": float("nan")}, Progress("queued")),
        ({"msg": "estimation", "rank": -1, "rank_eta": -4}, Progress("queued")),
        ({"msg": "estimation", "rank": [1], "rank_eta": {}}, Progress("queued")),
        ({"msg": "estimation", "rank": 1e400, "rank_eta": 1e300}, Progress("queued")),
        ({"msg": "process_starts", "eta": "soon"}, Progress("generating")),
        ({"msg": "progress", "progress_data": None}, Progress("generating")),
        ({"msg": "progress", "progress_data": "half"}, Progress("generating")),
        ({"msg": "progress", "progress_data": [{"index": 1, "length": 4, "desc": "denoise"}]}, Progress("denoise", fraction=0.25)),
        ({"msg": "progress", "progress_data": [{"index": "x", "length": 0, "desc": 7, "unit": "steps"}]}, Progress("steps")),
        ({"msg": "progress", "progress_data": [{"progress": 7.0}]}, Progress("generating", fraction=1.0)),
        ({"msg": "progress", "progress_data": [{"progress": float("inf")}]}, Progress("generating")),
    ],
)  # fmt: skip
def test_odd_values_of_the_queue_cost_only_themselves(message: dict[str, Any], progress: Progress) -> None:
    assert Reader(differing=True).read(message) == progress


@pytest.mark.parametrize("output", [None, [], "x", {"data": "text"}, {"data": None}, {}])
@pytest.mark.parametrize("name", ["process_generating", "process_completed"])
def test_an_odd_output_is_read_or_classified_and_never_stumbled_over(name: str, output: Any) -> None:
    reader = Reader(differing=True)
    with contextlib.suppress(UpstreamFailure):
        received = reader.read({"msg": name, "output": output, "success": True})
        assert isinstance(received, outputs.Output)
        assert isinstance(received.values, tuple)
