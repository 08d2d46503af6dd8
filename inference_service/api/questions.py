"""Prepares an incoming chat request, the same way for every door: validates it, unpacks it and converts it to the domain."""

from antiphon.v1 import chat_pb2
from inference_service import domain
from inference_service.api import convert, validate
from inference_service.api.door import Admission
from inference_service.api.large import apart
from inference_service.api.parts import Shared
from inference_service.api.turns import InvalidRequestError
from inference_service.failures import Outcome, RequestFailure


async def question(shared: Shared, request: chat_pb2.ChatRequest, admission: Admission) -> domain.ChatRequest:
    """Raises InvalidRequestError for invalid fields, RequestFailure for what the caller may not set."""
    images = shared.router.images
    if violations := await validate.chat(request, images.max_pixels, admission.size):
        raise InvalidRequestError(violations)
    if request.provider_options.fields and not shared.door.settings.allow_provider_options:
        text = "the operator does not allow provider_options: see service.allow_provider_options"
        raise RequestFailure(Outcome.FORBIDDEN, text, field="provider_options")
    if violations := await shared.material.unpack(request.messages, images):
        raise InvalidRequestError(violations)
    return await apart(admission.size, convert.chat_request, request, admission.request_id, admission.caller)
