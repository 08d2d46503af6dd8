"""POST /v1/audio/transcriptions, over the Transcribe RPC's own handler."""

from collections.abc import Callable

import msgspec
from aiohttp import web

from antiphon.v1 import chat_pb2, speech_pb2
from inference_service.http import body, sse, subtitles
from inference_service.http.body import Upload
from inference_service.http.call import Facts, error_response, json_response
from inference_service.http.chat_request import caller
from inference_service.http.fields import Fields
from inference_service.http.files import AUDIO
from inference_service.http.labels import Labels, labels
from inference_service.http.problems import Problem, invalid, violated
from inference_service.http.story import Story
from inference_service.recordings import kind_of

FORMATS = {name: name for name in ("json", "text", "verbose_json", "srt", "vtt")}
TIMED = ("verbose_json", "srt", "vtt")
TYPES = {"text": "text/plain", "srt": "application/x-subrip", "vtt": "text/vtt"}
MODEL, USUAL_MODEL = "transcribe", "whisper-1"  # most clients ask for this model, whatever the server


class TranscribeOrder:
    """A parsed request."""

    def __init__(self, form: dict[str, list[str | Upload]], labels: Labels, knows: Callable[[str], bool]) -> None:
        """Raises Refusal."""
        files = form.pop("file", [])
        if len(files) != 1 or not isinstance(files[0], Upload):
            raise invalid("file", "must be one file, the recording")
        form.pop("timestamp_granularities", None)
        fields = Fields({name: values[-1] for name, values in form.items()}, form=True)
        self.ignored: list[str] = []
        self.format: str = fields.choice("response_format", FORMATS) or "json"
        self.stream = fields.flag("stream") or False
        model = fields.text("model") or MODEL
        self.request = speech_pb2.TranscribeRequest(
            model=MODEL if model == USUAL_MODEL and not knows(model) else model,
            audio=chat_pb2.Audio(mime_type=mime_of(files[0]), data=files[0].data),
            language=fields.text("language") or "",
            prompt=fields.text("prompt") or "",
            timestamps=self.format in TIMED,
            request_id=labels.request_id,
            replay=labels.replay,
            caller=caller(fields, self.ignored, labels),
        )
        temperature = fields.number("temperature")
        if temperature is not None:
            self.request.temperature = temperature
        self.ignored += fields.left()
        if fields.violations:
            raise violated(fields.violations)


def mime_of(file: Upload) -> str:
    """The type by the bytes; else by the sender's claim or the file name."""
    kind = kind_of(file.data)
    return kind.mimes[0] if kind is not None else AUDIO.get(file.name.rpartition(".")[2].lower(), file.mime)


class TranscriptionExchange:
    """One recording. `limit`: size of the body in bytes. `knows`: whether a model of that name exists."""

    def __init__(self, request: web.Request, facts: Facts, limit: int, knows: Callable[[str], bool]) -> None:
        self._http, self._facts, self._limit, self._knows = request, facts, limit, knows
        self._story = Story()
        self._order: TranscribeOrder
        self._answer: speech_pb2.TranscribeResponse
        self._events: sse.EventStream | None = None

    async def request(self) -> speech_pb2.TranscribeRequest:
        form = await body.read_form(self._http, self._limit)
        self._order = TranscribeOrder(form, labels(self._http.headers), self._knows)
        if self._order.stream:
            self._events = sse.EventStream(self._http, self._headers)
        return self._order.request

    def _headers(self) -> dict[str, str]:
        return {**self._facts.headers(), **self._story.headers(self._order.ignored)}

    async def respond(self, message: speech_pb2.TranscribeResponse) -> None:
        self._answer = message
        self._story.unary(message)
        self._order.ignored += [self.spell(notice.field) for notice in message.notices]

    async def finish(self, facts: Facts) -> web.StreamResponse:
        answer, vendor = self._answer, self._story.vendor()
        if self._events is not None:
            delta = {"type": "transcript.text.delta", "delta": answer.text}
            done = {"type": "transcript.text.done", "text": answer.text, "usage": subtitles.usage(answer)}
            for event in (delta, done):
                await self._events.send(b"data: " + msgspec.json.encode(event) + b"\n\n")
            return await self._events.end()
        match self._order.format:
            case "json":
                return json_response(subtitles.as_json(answer, vendor), facts, self._headers())
            case "verbose_json":
                return json_response(subtitles.as_verbose_json(answer, vendor), facts, self._headers())
            case "srt":
                data = subtitles.as_srt(answer)
            case "vtt":
                data = subtitles.as_vtt(answer)
            case _:
                data = f"{answer.text}\n".encode()
        kind = TYPES[self._order.format]
        return web.Response(body=data, content_type=kind, charset="utf-8", headers=self._headers())

    async def fail(self, problem: Problem, facts: Facts) -> web.StreamResponse:
        if self._events is None or not self._events.begun:
            return error_response(problem, facts)
        await self._events.send(b"data: " + problem.body() + b"\n\n")
        return await self._events.end()

    def spell(self, field: str) -> str:
        return "file" if field.startswith("audio") else field

    def close(self) -> None:
        if self._events is not None:
            self._events.close()
