"""Seeds: the caller's, mapped into the provider's range, or a random one, so that every picture can be reproduced."""

import secrets

from inference_service.domain import ImageRequest, Notice, NoticeKind

LARGEST = 2**64 - 1  # the contract's range
SEED_32 = 2**32 - 1
COMMON = 2**31 - 1  # every provider's integer holds it


def seed_for(request: ImageRequest, largest: int = COMMON) -> tuple[int, list[Notice]]:
    """The seed to send and to report, with a notice if it differs from the caller's."""
    if request.seed is None:
        return secrets.randbelow(min(largest, COMMON) + 1), []
    if 0 <= request.seed <= largest:
        return request.seed, []
    seed = request.seed % (largest + 1)
    if request.seed > LARGEST:  # a later picture of a request that started at the contract's last seed
        return seed, []
    text = f"This deployment takes seeds up to {largest}; {seed} was used."
    return seed, [Notice(NoticeKind.CHANGED, "seed", text)]


def reported(value: object) -> int | None:
    """A seed as a provider reports it, as a number or as text. None for anything that the contract cannot carry."""
    if isinstance(value, str) and value.isdecimal() and len(value) <= 20:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST:
        return value
    return None
