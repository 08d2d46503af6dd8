"""Large requests are parsed in pieces: the same message and the same refusals as in one go."""

import base64

import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from antiphon.v1 import chat_pb2
from inference_service.api import large
from inference_service.domain import ChatRequest, ImagePart, Message, Role, TextPart
from inference_service.providers.kit import large as files
from inference_service.providers.kit.large import base64_of, packed
from inference_service.providers.seam import ChatCall

PARTS = st.one_of(
    st.builds(chat_pb2.Part, text=st.text(max_size=30)),
    st.builds(
        chat_pb2.Part,
        image=st.builds(chat_pb2.InlineImage, mime_type=st.just("image/png"), data=st.binary(max_size=40)),
    ),
)
REQUESTS = st.builds(
    chat_pb2.ChatRequest,
    model=st.text(max_size=10),
    messages=st.lists(
        st.builds(chat_pb2.Message, role=st.sampled_from((1, 2, 3)), parts=st.lists(PARTS, max_size=3)), max_size=6
    ),
    sampling=st.builds(chat_pb2.Sampling, temperature=st.floats(0, 2), stop=st.lists(st.text(max_size=5), max_size=4)),
    request_id=st.text(max_size=10),
)


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "LARGE", 0)
    monkeypatch.setattr(large, "PIECE", 8)


def outcome(data: bytes, *, in_pieces: bool) -> chat_pb2.ChatRequest | str:
    try:
        return large._parsed(chat_pb2.ChatRequest, data) if in_pieces else chat_pb2.ChatRequest.FromString(data)
    except DecodeError:
        return "refused"


@settings(max_examples=300, deadline=None)
@given(
    data=st.one_of(
        st.binary(max_size=60),
        REQUESTS.map(lambda request: request.SerializeToString()),
        st.tuples(REQUESTS, st.integers(0, 200)).map(lambda cut: cut[0].SerializeToString()[: cut[1]]),
        st.tuples(REQUESTS, st.binary(max_size=12)).map(lambda more: more[0].SerializeToString() + more[1]),
        st.tuples(REQUESTS, REQUESTS).map(lambda two: b"".join(one.SerializeToString() for one in two)),
    )
)
@example(data=b"")
@example(data=b"\xff" * 30)
@example(data=b"\x0b\x0c")  # a group
@example(data=b"\x12" + b"\xff" * 9 + b"\x01")  # a length of 2⁶⁴−1
def test_pieces_and_the_whole_mean_the_same(data: bytes) -> None:
    assert outcome(data, in_pieces=True) == outcome(data, in_pieces=False)


def test_no_piece_is_larger_than_its_largest_field() -> None:
    request = chat_pb2.ChatRequest(messages=[chat_pb2.Message(parts=[chat_pb2.Part(text="x" * 50)])] * 20)
    data = request.SerializeToString()
    cuts = list(large._pieces(data))
    assert [end - start for start, end in cuts] == [len(data) // 20] * 20
    assert [start for start, _ in cuts] == [0, *(end for _, end in cuts[:-1])]


async def test_a_large_request_is_handled_in_a_thread_and_a_small_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    monkeypatch.setattr(large, "LARGE", 10)
    assert await large.apart(9, threading.current_thread) is threading.main_thread()
    assert await large.apart(10, threading.current_thread) is not threading.main_thread()


def looking(size: int) -> ChatCall:
    message = Message(Role.USER, (TextPart("What is it?"), ImagePart("image/png", bytes(size))))
    return ChatCall(ChatRequest("r", "m", (message,)), "m", None)


async def test_a_body_with_large_files_is_made_in_a_thread_and_a_small_one_is_not() -> None:
    import threading

    makers = []

    def body() -> dict[str, str]:
        makers.append(threading.current_thread())
        return {"a": "b"}

    assert await packed(body, looking(files.LARGE - 1)) == b'{"a":"b"}'
    assert await packed(body, looking(files.LARGE)) == b'{"a":"b"}'
    assert [maker is threading.main_thread() for maker in makers] == [True, False]
    assert await packed({"a": "b"}, looking(1)) == b'{"a":"b"}'


@given(data=st.binary(max_size=40))
def test_pieces_of_base64_join(data: bytes) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(files, "PIECE", 6)
        assert base64_of(data) == base64.b64encode(data).decode()
