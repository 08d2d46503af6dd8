"""Provider × refusal: whom each refusal blames, at which scope, and until when."""

import json

import pytest

from inference_service.failures import UpstreamFailure
from inference_service.providers.kit import errors
from tests.support.refusals import NOW, Cell, dialect
from tests.support.refusals_documented import DOCUMENTED
from tests.support.refusals_recorded import RECORDED
from tests.support.refusals_reported import REPORTED

CELLS = [*DOCUMENTED, *RECORDED, *REPORTED]
PROVIDERS = sorted({cell.provider for cell in CELLS})


def differs(cell: Cell, failed: UpstreamFailure) -> bool:
    detail = ",".join(failed.fields) or failed.capability
    if (failed.kind, failed.scope, detail) != (cell.kind, cell.scope, cell.detail):
        return True
    if cell.until is None or failed.wake_after is None:
        return failed.wake_after is not cell.until
    return abs(failed.wake_after - cell.until) > 1.0


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_refusal_blames_the_right_one_until_the_right_moment(provider: str) -> None:
    wrong = [
        f"{cell}: {failed.kind} {failed.scope} {failed.fields or failed.capability} for {failed.wake_after}"
        for cell in CELLS
        if cell.provider == provider and differs(cell, failed := cell.read())
    ]
    assert not wrong


def test_no_refusal_passes_the_providers_words_on() -> None:
    assert not [str(cell) for cell in CELLS if "canary" in cell.read().message]


# Words that are one provider's alone mean the same behind a gateway that has no row.
PASSED_ON = [
    cell
    for cell in CELLS
    if (cell.provider, cell.situation)
    in {("gemini", "L2"), ("openrouter", "L2"), ("cohere", "L3"), ("cohere", "L1"), ("cloudflare", "L2"), ("cerebras", "L2"),
        ("cerebras", "L1-hour"), ("huggingface", "L3-body"), ("ollama-cloud", "L2-session"), ("nvidia", "A1"), ("groq", "A3")}
]  # fmt: skip


@pytest.mark.parametrize("cell", PASSED_ON, ids=str)
def test_a_gateway_without_a_row_passes_the_same_words_on(cell: Cell) -> None:
    body = cell.body if isinstance(cell.body, bytes) else json.dumps(cell.body).encode()
    failed = errors.from_response(cell.status, cell.headers, body, dialect("compatible"), now=NOW)
    assert failed.kind is cell.kind
    assert failed.wake_after == (None if cell.until is None else pytest.approx(cell.until, abs=1.0))


def test_the_matrix_covers_most_of_the_catalogue() -> None:
    assert len(PROVIDERS) >= 40
    assert len(CELLS) >= 500
