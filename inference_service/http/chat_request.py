"""POST /v1/chat/completions: converts the caller's body to a ChatRequest. Pure."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message

from antiphon.v1 import chat_pb2, common_pb2
from inference_service.api.validate import LONGEST_ID
from inference_service.http import settings, tools
from inference_service.http.conversation import Conversation
from inference_service.http.fields import Fields
from inference_service.http.labels import Labels
from inference_service.http.problems import violated

UNSUPPORTED_SETTINGS = {
    "drop": common_pb2.UNSUPPORTED_SETTING_DROP,
    "refuse": common_pb2.UNSUPPORTED_SETTING_REFUSE,
}
INTERRUPTIONS = {
    "continue": chat_pb2.ON_INTERRUPTION_CONTINUE,
    "restart": chat_pb2.ON_INTERRUPTION_RESTART,
    "fail": chat_pb2.ON_INTERRUPTION_FAIL,
}
OWN = "antiphon"  # the parameter with what only this service knows
OWN_FIELDS = ("provider_options", "conversation_id", "on_interruption", "unsupported_setting")
# As many clients name what belongs together.
CONVERSATION_IDS = ("prompt_cache_key", "session_id", "chat_id")


class ChatOrder:
    """A parsed request. `ignored`: parameters without effect. `spell`: maps fields of the contract to the caller's parameters."""

    def __init__(self, members: dict[str, Any], labels: Labels) -> None:
        """Raises Refusal."""
        fields = Fields(members)
        self.ignored: list[str] = []
        self._conversation = Conversation()
        self.stream = fields.flag("stream") or False
        self.include_usage = self._stream_options(fields)
        self.request = self._request(fields, labels)
        self.ignored += fields.left()
        violations = fields.violations + self._conversation.violations
        if violations:
            raise violated(violations)

    def _stream_options(self, fields: Fields) -> bool:
        options = Fields(fields.members("stream_options") or {}, "stream_options")
        wanted = options.flag("include_usage") or False
        fields.violations += options.violations
        return wanted

    def _request(self, fields: Fields, labels: Labels) -> chat_pb2.ChatRequest:
        count = fields.whole("n", 1_000_000)
        if count is not None and count != 1:
            fields.wrong("n", f"is {count}; this service gives one answer per request, so only 1 is allowed")
        request = chat_pb2.ChatRequest(model=fields.text("model") or "")
        if not request.model:
            fields.wrong("model", "is required, such as 'chat'")
        self._conversation.read(fields.any("messages"))
        request.messages.extend(self._conversation.messages)
        self._spelling = settings.take(fields, request, self.ignored)
        tools.take_tools(fields, request, self.ignored)
        tools.take_form(fields, request)
        request.request_id, request.replay = labels.request_id, labels.replay
        request.conversation_id = self._conversation_id(fields)
        request.caller.CopyFrom(caller(fields, self.ignored, labels))
        self._own(fields, request)
        return request

    def _own(self, fields: Fields, request: chat_pb2.ChatRequest) -> None:
        """The members of the parameter `antiphon`: what OpenAI's API has no name for."""
        own = Fields(fields.members(OWN) or {}, OWN)
        take_choices(own, request, on_interruption=INTERRUPTIONS, unsupported_setting=UNSUPPORTED_SETTINGS)
        if (conversation := own.text("conversation_id")) is not None:
            request.conversation_id = conversation
        if (options := own.members("provider_options")) is not None:
            try:
                request.provider_options.update(options)
            except ValueError:
                own.wrong("provider_options", "holds a number that is no finite number")
        leave(own, fields, self.ignored)

    @staticmethod
    def _conversation_id(fields: Fields) -> str:
        """What clients send to reach the same cache again."""
        ids = [fields.any(name) for name in CONVERSATION_IDS]
        return next((value for value in ids if isinstance(value, str) and len(value) <= LONGEST_ID), "")

    def spell(self, field: str) -> str:
        base = field.partition("[")[0]  # of "sampling.stop[1]"
        if base in self._spelling:
            return self._spelling[base] + field[len(base) :]
        if base.partition(".")[0] in OWN_FIELDS:
            return f"{OWN}.{field}"
        return tools.spell(self._conversation.spell(field))


def take_own(fields: Fields, request: Message, ignored: list[str], **choices: Mapping[str, Any]) -> None:
    """The members of the parameter `antiphon`, where all of them are choices."""
    own = Fields(fields.members(OWN) or {}, OWN)
    take_choices(own, request, **choices)
    leave(own, fields, ignored)


def take_choices(own: Fields, request: Message, **choices: Mapping[str, Any]) -> None:
    """For each field of the contract what its words mean."""
    for name, allowed in choices.items():
        if (value := own.choice(name, allowed)) is not None:
            setattr(request, name, value)


def leave(own: Fields, fields: Fields, ignored: list[str]) -> None:
    """What was wrong, and what nobody has taken."""
    fields.violations += own.violations
    ignored += own.left()


def caller(fields: Fields, ignored: list[str], labels: Labels) -> common_pb2.Caller:
    """The end user behind the caller; an id that is too long is dropped, because OpenAI's API never refuses one."""
    names = [name for name in ("safety_identifier", "user") if fields.has(name)]
    ids = {name: fields.any(name) for name in names}
    usable = {name: value for name, value in ids.items() if isinstance(value, str) and len(value) <= LONGEST_ID}
    ignored += [name for name in names if name not in usable]
    return common_pb2.Caller(tenant_id=labels.tenant, user_id=next(iter(usable.values()), ""))
