"""What usage is grouped by, and its pages. Pure."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TypeVar

from msgspec import Struct

from inference_service.usage.ledger import HOUR, Key, Sums

DAY = 86_400
T = TypeVar("T")


class Dimension(StrEnum):
    DEPLOYMENT = "deployment"
    CALLER = "caller"
    TENANT = "tenant"
    USER = "user"
    MODEL = "model"
    DAY = "day"


class Group(Struct, frozen=True):
    """What the rows of a group have in common; fields that are not grouped by are empty. `day`: epoch seconds of its start."""

    deployment: str = ""
    caller: str = ""
    tenant: str = ""
    user: str = ""
    model: str = ""
    day: int = 0


def grouped(rows: Iterable[tuple[Key, Sums]], by: Sequence[Dimension]) -> list[tuple[Group, Sums]]:
    """Most requests first; ties in the order of their names, so that pages do not shift."""
    groups: dict[Group, Sums] = {}
    for (hour, caller, tenant, user, deployment, model), sums in rows:
        whole = {
            Dimension.DEPLOYMENT: deployment,
            Dimension.CALLER: caller,
            Dimension.TENANT: tenant,
            Dimension.USER: user,
            Dimension.MODEL: model,
            Dimension.DAY: hour * HOUR // DAY * DAY,
        }
        group = Group(**{dimension.value: whole[dimension] for dimension in by})  # type: ignore[arg-type] # each has its type
        groups.setdefault(group, Sums()).add(sums)
    if Dimension.DEPLOYMENT not in by:  # a request with several deployments counts once
        for sums in groups.values():
            sums.requests = sums.questions or sums.requests
    return sorted(groups.items(), key=lambda row: (-row[1].requests, _name(row[0])))


def _name(group: Group) -> tuple[str, ...]:
    return tuple(str(getattr(group, field)) for field in group.__struct_fields__)


class WrongPageError(ValueError):
    """The page token is invalid, or belongs to another request."""


def page_of(rows: Sequence[T], size: int, token: str, request: bytes) -> tuple[Sequence[T], str]:
    """One page and the token of the next; empty on the last. `request`: what a token belongs to. Raises WrongPageError."""
    digest = hashlib.sha256(request).digest()[:9]
    start = 0
    if token:
        try:
            decoded = base64.urlsafe_b64decode(token.encode())
        except ValueError:
            raise WrongPageError from None
        if len(decoded) != len(digest) + 4 or decoded[4:] != digest:
            raise WrongPageError
        start = int.from_bytes(decoded[:4])
    end = start + size if size else len(rows)
    following = base64.urlsafe_b64encode(end.to_bytes(4) + digest).decode() if end < len(rows) else ""
    return rows[start:end], following
