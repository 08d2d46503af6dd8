"""An answer that must be one JSON document: how to ask for it if the deployment does not enforce it, and validation. Pure."""

import re

import msgspec

from inference_service import schemas
from inference_service.domain import ChatRequest, FinishReason, Message, Role, TextPart
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.tools import ResponseFormat

FENCED = re.compile(r"\s*```[A-Za-z]*\s*\n(.*?)\n?\s*```\s*", re.DOTALL)
ANY = "Answer with one JSON object and nothing else: no words before or after it, no code fence."
BY_SCHEMA = "Answer with one JSON document and nothing else: no words before or after it, no code fence. It follows this JSON Schema:"


class Document:
    """What one request demands. Admission has validated the schema."""

    def __init__(self, wanted: ResponseFormat) -> None:
        self._wanted = wanted
        self._schema = schemas.Schema(wanted.schema) if wanted.schema is not None else None

    def enforced(self, formats: frozenset[str]) -> bool:
        """Whether a deployment with these formats enforces this one."""
        return ("json_object" if self._schema is None else "json_schema") in formats

    def asked_for(self, request: ChatRequest) -> ChatRequest:
        """The request with the format in words, in front of the conversation."""
        words = ANY
        if self._wanted.schema is not None:
            about = f"\n{self._wanted.description}" if self._wanted.description else ""
            words = f"{BY_SCHEMA}\n{msgspec.json.encode(self._wanted.schema).decode()}{about}"
        system = [part.text for message in request.messages[:1] if message.role is Role.SYSTEM for part in message.parts if isinstance(part, TextPart)]  # fmt: skip
        first = Message(Role.SYSTEM, (TextPart("\n\n".join([*system, words])),))
        return msgspec.structs.replace(request, messages=(first, *request.messages[1 if system else 0 :]))

    def check(self, text: str, reason: FinishReason) -> None:
        """Raises UpstreamFailure(INVALID_OUTPUT) that says why the text is not such a document."""
        try:
            document = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            cut = "the token limit cut it off" if reason is FinishReason.LENGTH else "it is not JSON"
            raise invalid(cut) from None
        if self._schema is None:
            if not isinstance(document, dict):
                raise invalid("it is JSON, but not an object")
        elif violation := self._schema.violation(document):
            raise invalid(violation)


def unfenced(text: str) -> str:
    """The document inside an answer that is one code block; any other text unchanged."""
    match = FENCED.fullmatch(text)
    return match[1] if match else text


def invalid(how: str) -> UpstreamFailure:
    return UpstreamFailure(FailureKind.INVALID_OUTPUT, f"the answer is not the requested document: {how}", status=200)
