"""What the headers of a request say about it."""

from collections.abc import Mapping

from msgspec import Struct

from inference_service.api.validate import LONGEST_ID, REQUEST_ID


class Labels(Struct, frozen=True):
    """`replay`: the recorded answer to the same request is wanted, if there is one."""

    request_id: str = ""
    tenant: str = ""
    replay: bool = False


def labels(headers: Mapping[str, str]) -> Labels:
    """An id that the contract forbids is ignored: some clients and proxies send one on their own."""
    key, own, tenant = (headers.get(name, "") for name in ("Idempotency-Key", "X-Request-Id", "X-Antiphon-Tenant"))
    replay = REQUEST_ID.fullmatch(key) is not None
    chosen = key if replay else own if REQUEST_ID.fullmatch(own) else ""
    return Labels(chosen, tenant if len(tenant) <= LONGEST_ID else "", replay)
