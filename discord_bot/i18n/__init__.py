"""Every text that the bot shows, by key and language. One Fluent file per language; English is the fallback."""

from functools import cache
from importlib import resources
from typing import Any

from fluent.runtime import FluentBundle, FluentResource

DEFAULT = "en"
LANGUAGES = tuple(
    sorted(
        place.name.removesuffix(".ftl")
        for place in resources.files(__package__).iterdir()
        if place.name.endswith(".ftl")
    )
)


@cache
def bundle(language: str) -> FluentBundle:
    fluent = FluentBundle([language], use_isolating=False)
    fluent.add_resource(
        FluentResource(resources.files(__package__).joinpath(f"{language}.ftl").read_text(encoding="utf-8"))
    )
    return fluent


def language_of(locale: str | None) -> str:
    """ "ru", "ru-RU" → "ru"; English for languages without a file."""
    short = (locale or DEFAULT).partition("-")[0].lower()
    return short if short in LANGUAGES else DEFAULT


def t(locale: str | None, key: str, **values: Any) -> str:
    """The text in the locale's language. Raises KeyError for a key that no language has."""
    for language in (language_of(locale), DEFAULT):
        fluent = bundle(language)
        if fluent.has_message(key):
            pattern = fluent.get_message(key).value
            if pattern is not None:
                text, _ = fluent.format_pattern(pattern, values)
                return str(text)
    raise KeyError(key)


def has(key: str) -> bool:
    return bundle(DEFAULT).has_message(key)
