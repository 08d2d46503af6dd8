"""The official client of OpenAI for Python, as its users use it. Prints each thing that works."""

import asyncio
import base64
import io
import json
import os

import openai
import pydantic

TEXT = os.environ["EXPECTED_TEXT"]
HELLO = [{"role": "user", "content": "hi"}]


def chats(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="chat", messages=HELLO, max_tokens=500, temperature=0.2)
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens == 53
    assert answer._request_id in answer.id
    print("chat")


def streams(client: openai.OpenAI) -> None:
    """In the route "breaks" the first provider falls silent in mid-answer."""
    for model in ("chat", "breaks"):
        chunks = list(
            client.chat.completions.create(
                model=model, messages=HELLO, stream=True, stream_options={"include_usage": True}
            )
        )
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == TEXT, (model, text)
        assert chunks[-1].usage.total_tokens >= 53
        assert chunks[-2].choices[0].finish_reason == "stop"
    with client.chat.completions.stream(model="breaks", messages=HELLO) as stream:
        assert stream.get_final_completion().choices[0].message.content == TEXT
    print("stream, over a handover")


async def streams_async() -> None:
    async with openai.AsyncOpenAI() as client:
        stream = await client.chat.completions.create(model="breaks", messages=HELLO, stream=True)
        assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == TEXT
    print("stream of the asynchronous client")


def models(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert {"chat", "breaks", "a/ok"} <= set(names)
    assert client.models.retrieve("a/ok").owned_by == "a"
    print("models")


def pictures(client: openai.OpenAI) -> None:
    made = client.images.generate(model="image", prompt="a fox", size="256x256", n=2, response_format="b64_json")
    files = [base64.b64decode(one.b64_json) for one in made.data]
    assert [file[:4] for file in files] == [b"\x89PNG"] * 2
    events = list(client.images.generate(model="image", prompt="a fox", stream=True, partial_images=2))
    assert {event.type for event in events} == {"image_generation.partial_image", "image_generation.completed"}
    assert base64.b64decode(events[-1].b64_json).startswith(b"\x89PNG")
    assert events[-1].usage.total_tokens == 0
    file = io.BytesIO(files[0])
    file.name = "fox.png"
    edited = client.images.edit(model="image", image=file, prompt="redder")
    assert base64.b64decode(edited.data[0].b64_json).startswith(b"\x89PNG")
    print("pictures, partial pictures, edits")


def tools(client: openai.OpenAI) -> None:
    """Two calls of one function, as a stream and whole, and the answer to their results."""
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    offered = [{"type": "function", "function": {"name": "get_weather", "parameters": parameters}}]
    answer = client.chat.completions.create(model="tools", messages=HELLO, tools=offered)
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls"
    assert [json.loads(call.function.arguments)["city"] for call in message.tool_calls] == ["Köln", "Rome"]
    with client.chat.completions.stream(model="tools", messages=HELLO, tools=offered) as stream:
        streamed = stream.get_final_completion().choices[0].message
    assert [call.id for call in streamed.tool_calls] == [call.id for call in message.tool_calls]
    results = [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in message.tool_calls]
    last = client.chat.completions.create(model="tools", messages=[*HELLO, message, *results], tools=offered)
    assert last.choices[0].message.content == "Sunny in both."
    print("tools")


class Sum(pydantic.BaseModel):
    answer: int


def forms(client: openai.OpenAI) -> None:
    """The first provider of the route answers in words, so the second one is asked."""
    parsed = client.chat.completions.parse(model="form", messages=HELLO, response_format=Sum)
    assert parsed.choices[0].message.parsed == Sum(answer=42)
    print("structured output")


def recordings(client: openai.OpenAI) -> None:
    file = ("voice.ogg", base64.b64decode(os.environ["VOICE"]))
    assert client.audio.transcriptions.create(model="whisper-1", file=file).text == "Hello there."
    verbose = client.audio.transcriptions.create(model="whisper-1", file=file, response_format="verbose_json")
    assert verbose.segments[0].end == 2.5
    assert "-->" in client.audio.transcriptions.create(model="whisper-1", file=file, response_format="srt")
    events = list(client.audio.transcriptions.create(model="whisper-1", file=file, stream=True))
    assert events[-1].text == "Hello there."
    print("transcription")


def vectors(client: openai.OpenAI) -> None:
    made = client.embeddings.create(model="embed", input=["one", "two"])  # asks for base64 by itself
    assert [one.embedding for one in made.data] == [[1.0, 2.0], [3.0, 4.0]]
    assert made.usage.total_tokens == 7
    print("embeddings")


def errors(client: openai.OpenAI) -> None:
    cases = [
        ({"model": "cht"}, openai.NotFoundError, "model_not_found", "model"),
        ({"n": 500}, openai.BadRequestError, "invalid_value", "n"),
        ({"temperature": 9}, openai.BadRequestError, "invalid_value", "temperature"),
        ({"model": "limited"}, openai.RateLimitError, "rate_limit_exceeded", None),
        ({"model": "fails"}, openai.InternalServerError, "service_unavailable", None),
    ]
    for change, kind, code, param in cases:
        try:
            client.chat.completions.create(**{"model": "chat", "messages": HELLO, **change})
        except openai.APIStatusError as error:
            assert type(error) is kind, (change, error)
            assert (error.code, error.param) == (code, param), (change, error.body)
        else:
            raise AssertionError(change)
    try:
        client.with_options(api_key="wrong").models.list()
    except openai.AuthenticationError as error:
        assert error.code == "invalid_api_key"
    else:
        raise AssertionError("a wrong key was taken")
    try:
        list(client.chat.completions.create(model="lost", messages=HELLO, stream=True))
    except openai.APIError as error:
        assert error.code == "service_unavailable"
    else:
        raise AssertionError("a truncated answer passed for a whole one")
    print("errors")


def main() -> None:
    with openai.OpenAI() as client:
        models(client)
        chats(client)
        streams(client)
        tools(client)
        forms(client)
        pictures(client)
        recordings(client)
        vectors(client)
        errors(client)
    asyncio.run(streams_async())


main()
