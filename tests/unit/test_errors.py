"""What a refusal without any words means, by its status alone."""

import pytest

from inference_service.failures import FailureKind
from inference_service.providers.kit import errors

K = FailureKind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, K.BAD_RESPONSE), (399, K.BAD_RESPONSE), (400, K.REFUSED), (401, K.UNAUTHENTICATED), (402, K.QUOTA_EXHAUSTED),
        (403, K.MODEL_FORBIDDEN), (404, K.BAD_RESPONSE), (405, K.BAD_RESPONSE), (408, K.UNAVAILABLE), (409, K.UNAVAILABLE),
        (410, K.RETIRED), (413, K.CONTEXT_TOO_LONG), (418, K.REFUSED), (424, K.REFUSED), (425, K.UNAVAILABLE),
        (429, K.RATE_LIMITED), (451, K.BLOCKED), (498, K.REFUSED), (499, K.REFUSED), (500, K.SERVER_ERROR),
        (501, K.UNSUPPORTED), (502, K.SERVER_ERROR), (503, K.UNAVAILABLE), (529, K.OVERLOADED), (599, K.UNAVAILABLE),
    ],
)  # fmt: skip
def test_a_status_alone_has_its_class(status: int, kind: FailureKind) -> None:
    found = errors.from_response(status, {}, b"", now=1_790_000_000.0)
    assert (found.kind, found.status) == (kind, status)


@pytest.mark.parametrize("key", ["code", "status", "status_code", "statusCode"])
@pytest.mark.parametrize("began", [True, False])
def test_an_error_in_a_stream_is_as_good_as_its_status_until_the_answer_began(key: str, began: bool) -> None:
    for status, kind in ((429, K.RATE_LIMITED), (503, K.STREAM_ERROR if began else K.UNAVAILABLE)):
        for error in ({key: status}, {key: str(status)}, [{key: status}], {"error": {key: status}}):
            assert errors.in_stream(error, began=began).kind is kind
    assert errors.in_stream({key: 200}, began=began).kind is K.STREAM_ERROR
