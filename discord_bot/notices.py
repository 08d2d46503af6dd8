"""What the service did differently than asked, in the reader's words. The service's own sentences are for developers."""

from antiphon.events import Notice
from discord_bot.i18n import has, t

LONGEST = 200


def notice_text(locale: str, notice: Notice, model: str) -> str:
    """`model`: who did so, as people know it."""
    if notice.kind not in ("dropped", "changed"):
        return " ".join(notice.message.split())[:LONGEST]  # the provider's own words for the person
    name = notice.field.rpartition(".")[2]
    key = f"field-{name.replace('_', '-')}"
    field = t(locale, key) if has(key) else t(locale, "field-other", name=name)
    return t(locale, f"notice-{notice.kind}", model=model, field=field)
