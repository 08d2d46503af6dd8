"""The usage of one request as a sum over its upstream calls. Pure."""

from collections.abc import Sequence

from inference_service.domain import Cost, Usage, UsageRecord


def total(records: Sequence[UsageRecord]) -> UsageRecord:
    """Estimated if any part is. Its deployment is empty."""
    used = [record.usage for record in records]
    sums = Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in used),
        completion_tokens=sum(usage.completion_tokens for usage in used),
        reasoning_tokens=sum(usage.reasoning_tokens for usage in used),
        images=sum(usage.images for usage in used),
        cached_tokens=sum(usage.cached_tokens for usage in used),
        audio_tokens=sum(usage.audio_tokens for usage in used),
        audio_seconds=sum(usage.audio_seconds for usage in used),
    )
    return UsageRecord("", sums, estimated=any(record.estimated for record in records), cost=cost(records))


def cost(records: Sequence[UsageRecord]) -> Cost | None:
    """In the currency of the first part with a price; None if no part has one."""
    costs = [record.cost for record in records if record.cost is not None]
    if not costs:
        return None
    same = [cost for cost in costs if cost.currency == costs[0].currency]
    incomplete = len(same) < len(records) or any(cost.incomplete for cost in same)
    return Cost(sum(cost.micros for cost in same), costs[0].currency, min(cost.date for cost in same), incomplete)
