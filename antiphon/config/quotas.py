"""Quotas as people write them: `[[providers.groq.quotas]]`."""

from typing import Literal, Self

from pydantic import Field, model_validator

from antiphon.config.section import Section

WALL_WINDOWS = ("minute", "hour", "day", "month")


class QuotaConfig(Section):
    """What a credential may use; more than one may hold at once."""

    unit: Literal["requests", "tokens", "pictures", "money", "concurrent"]
    """What is counted: "requests", "tokens", "pictures", "money" (in the provider's currency) or "concurrent" (calls at once)."""
    limit: float = Field(ge=0, le=1e12, allow_inf_nan=False)
    """How much of it. 0: the model is not to be asked at all."""
    per: Literal["second", "minute", "hour", "day", "month", "5h", "7d"] | None = None
    """Over which time. Unset only for "concurrent"."""
    clock: Literal["rolling", "wall", "pacific", "first_use"] | None = None
    """When it refills: "rolling" (a call counts for so long), "wall" (full minute, full hour, midnight UTC, first of the
    month), "pacific" (midnight in Los Angeles) or "first_use" (so long after the first call). Unset: "wall" for a day
    and a month, "first_use" for 5h and 7d, else "rolling"."""
    scope: Literal["credential", "credential_model", "group", "group_model"] = "credential_model"
    """What shares it: a credential or its quota group, over all models or per model."""
    models: list[str] = []
    """Upstream models that it holds for, as patterns such as "gemini-*". Empty: all."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.per is None) != (self.unit == "concurrent"):
            raise ValueError(
                'calls at once have no time: leave "per" out' if self.per else f'{self.unit} need "per", such as "day"'
            )
        if self.unit == "concurrent" and self.clock is not None:
            raise ValueError('calls at once have no clock: leave "clock" out')
        if self.unit != "money" and not self.limit.is_integer():
            raise ValueError(f"the limit of {self.unit} is a whole number")
        if self.clock == "pacific" and self.per != "day":
            raise ValueError('the clock "pacific" goes with per = "day" only')
        if self.clock == "wall" and self.per not in WALL_WINDOWS:
            raise ValueError(f'the clock "wall" goes with per = {", ".join(WALL_WINDOWS)}')
        return self
