"""A chat with a Space: where the conversation goes, and how the app's output becomes an answer."""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from inference_service import settings
from inference_service.domain import (
    ChatEvent,
    ChatRequest,
    Finish,
    FinishReason,
    ImagePart,
    Message,
    Notice,
    NoticeKind,
    Role,
    TextPart,
)
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.gradio import files, sessions
from inference_service.providers.gradio.app import App, Function
from inference_service.providers.gradio.arguments import (
    NAMES,
    SYSTEM,
    Wanted,
    honoured,
    most_pictures,
    placed,
    takes_history,
)
from inference_service.providers.gradio.messages import Output
from inference_service.providers.gradio.queue import Line
from inference_service.providers.gradio.said import Speech, said_in
from inference_service.providers.gradio.transcript import as_question
from inference_service.providers.seam import ChatCall, LimitReport

if TYPE_CHECKING:
    from inference_service.providers.gradio.space import Space


async def chat(space: "Space", call: ChatCall) -> AsyncGenerator[ChatEvent | LimitReport, None]:
    """Answers with growing text, or with all of it at the end. Raises UpstreamFailure.

    Earlier turns go where the app has room for them: into its chatbot, into a session that remembers them, else in front
    of the question.
    """
    try:
        app, line = await space.reach(call.secret)
        function = app.find(space.function_name(call.model, chat=True))
        for notice in lost_settings(call.request, function):
            yield notice
        session, wanted = place(space, app, function, call.request)
        pictures, notices = chosen_pictures(space, function, call.request)
        for notice in notices:
            yield notice
        wanted = await _with_pictures(line, app, wanted, pictures)
        speech = Speech()
        async with aclosing(space.ask(app, line, function, wanted, session)) as making:
            async for step in making:
                if not isinstance(step, Output):
                    yield step
                    continue
                for event in speech.feed(said_in(step.values, function.outputs), final=step.final):
                    yield event
    except UpstreamFailure as failure:
        raise space.forget_login(call.secret, failure) from failure.__cause__
    for event in speech.end():
        yield event
    if speech.others:
        text = "The Space also sent pictures or files, which a chat does not show."
        yield Notice(NoticeKind.INFO, "", text)
    if function.remembers:
        turns = (*call.request.messages, Message(Role.ASSISTANT, (TextPart(speech.text),)))
        space.sessions.keep(app.identity, call.request.caller, turns, session, time.monotonic())
    yield Finish(FinishReason.STOP)


def place(space: "Space", app: App, function: Function, request: ChatRequest) -> tuple[str, Wanted]:
    """The session to use, and where the words of the conversation go."""
    turns = request.messages
    boxes = placed(function)
    system = "\n\n".join(turn.text for turn in turns if turn.role is Role.SYSTEM)
    named = {field: request.sampling.get(field.rpartition(".")[2]) for field in NAMES if field.startswith("sampling.")}
    spoken: Sequence[Message] = turns
    if SYSTEM in boxes and system:
        named[SYSTEM] = system
        spoken = [turn for turn in turns if turn.role is not Role.SYSTEM]
    session = None
    if function.remembers:
        session = space.sessions.find(app.identity, request.caller, turns[:-1], time.monotonic())
    history = tuple(spoken[:-1])
    alone = session is not None or takes_history(function)
    text = turns[-1].text if alone else as_question(spoken)
    return session or sessions.fresh(), Wanted(text, history=history, named=named, strict=request.strict)


def lost_settings(request: ChatRequest, function: Function) -> list[Notice]:
    """A notice for each setting that the app has no input for. Raises UpstreamFailure for a strict caller."""
    lost = sorted(settings.wanted(request.sampling) - honoured(function))
    if lost and request.strict:
        text = f"the Space does not accept {', '.join(lost)}"
        raise UpstreamFailure(FailureKind.FIELD_REFUSED, text, field=lost[0])
    return [
        Notice(NoticeKind.DROPPED, field, f"This deployment does not honour {field}; it had no effect.")
        for field in lost
    ]


def chosen_pictures(space: "Space", function: Function, request: ChatRequest) -> tuple[list[ImagePart], list[Notice]]:
    """The pictures to send: those of the newest turn that has any, as many as the app accepts."""
    most = most_pictures(function)
    pictures = next((list(turn.images) for turn in reversed(request.messages) if turn.images), [])
    if pictures and not most:
        raise UpstreamFailure(FailureKind.UNSUPPORTED, "the Space does not accept a picture", capability="vision")
    if not pictures and most == 1 and space.blank_picture is not None:
        text = "This Space only answers questions about a picture; there was none, so a blank one was used."
        return [space.blank_picture], [Notice(NoticeKind.INFO, "messages", text)]
    if len(pictures) > most:
        if request.strict:
            text = f"the Space looks at {most} picture at a time"
            raise UpstreamFailure(FailureKind.UNSUPPORTED, text, capability="vision")
        text = f"This Space looks at one picture at a time; of {len(pictures)}, only the last was used."
        return pictures[-most:], [Notice(NoticeKind.DROPPED, "messages", text)]
    return pictures, []


async def _with_pictures(line: Line, app: App, wanted: Wanted, pictures: Sequence[ImagePart]) -> Wanted:
    uploaded = [await files.picture_value(line, app, picture) for picture in pictures]
    return Wanted(wanted.text, tuple(uploaded), wanted.history, wanted.named, wanted.strict)
