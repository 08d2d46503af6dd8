"""What the service did differently than asked, in the reader's words. The service's own sentences are for developers."""

from antiphon.events import Notice
from discord_bot.i18n import has, t


def notice_text(locale: str, notice: Notice, model: str) -> str:
    """`model`: who did so, as people know it. Empty for what only its provider's own words would say."""
    if notice.kind not in ("dropped", "changed"):
        return ""
    return t(locale, f"notice-{notice.kind}", model=model, field=field_word(locale, notice.field))


def field_word(locale: str, field: str) -> str:
    """A field of the contract as people call it: "prompt" of "image.prompt", "messages" of "messages[3].text"."""
    for name in reversed(field.replace("]", "").replace("[", ".").split(".")):
        key = f"field-{name.replace('_', '-')}"
        if has(key):
            return t(locale, key)
    return t(locale, "field-other")
