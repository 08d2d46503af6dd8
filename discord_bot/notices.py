"""What the service did differently than requested, in the reader's words. The service's own sentences are for developers."""

from antiphon.events import Notice
from discord_bot.i18n import has, t


def notice_text(locale: str, notice: Notice, model: str) -> str:
    """`model`: which model did so, by its public name. Empty if only the provider's own words exist."""
    if notice.kind not in ("dropped", "changed"):
        return ""
    return t(locale, f"notice-{notice.kind}", model=model, field=field_word(locale, notice.field))


def field_word(locale: str, field: str) -> str:
    """A field of the contract in everyday words: "prompt" for "image.prompt", "messages" for "messages[3].text"."""
    for name in reversed(field.replace("]", "").replace("[", ".").split(".")):
        key = f"field-{name.replace('_', '-')}"
        if has(key):
            return t(locale, key)
    return t(locale, "field-other")
