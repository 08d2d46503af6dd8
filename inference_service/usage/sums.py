"""The usage of one request as a sum over its upstream calls. Pure."""

from collections.abc import Sequence

from inference_service.domain import Cost, Usage, UsageRecord


def total(records: Sequence[UsageRecord]) -> UsageRecord:
    """Estimated if any part is. Its deployment is empty."""
    used = [record.usage for record in records]
    sums = Usage(
        prompt_tokens=sum(one.prompt_tokens for one in used),
        completion_tokens=sum(one.completion_tokens for one in used),
        reasoning_tokens=sum(one.reasoning_tokens for one in used),
        images=sum(one.images for one in used),
        cached_tokens=sum(one.cached_tokens for one in used),
        audio_tokens=sum(one.audio_tokens for one in used),
        audio_seconds=sum(one.audio_seconds for one in used),
    )
    return UsageRecord("", sums, estimated=any(record.estimated for record in records), cost=cost(records))


def cost(records: Sequence[UsageRecord]) -> Cost | None:
    """In the currency of the first part with a price; None if no part has one."""
    known = [record.cost for record in records if record.cost is not None]
    if not known:
        return None
    same = [one for one in known if one.currency == known[0].currency]
    incomplete = len(same) < len(records) or any(one.incomplete for one in same)
    return Cost(sum(one.micros for one in same), known[0].currency, min(one.date for one in same), incomplete)
