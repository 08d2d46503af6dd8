"""Every text exists in every language, with the same values in it, and is used."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path

import pytest
from fluent.syntax import FluentParser
from fluent.syntax import ast as ftl

from discord_bot.i18n import DEFAULT, LANGUAGES, bundle, language_of, t

CODE = Path(str(resources.files("discord_bot")))
OTHERS = [language for language in LANGUAGES if language != DEFAULT]
# Plural categories of whole numbers by CLDR, besides the last, which is the default of a selection.
PLURALS = {"en": {"one"}, "ru": {"one", "few"}}


@cache
def messages(language: str) -> dict[str, ftl.Message]:
    text = (CODE / "i18n" / f"{language}.ftl").read_text(encoding="utf-8")
    parsed = FluentParser().parse(text)
    assert not [entry for entry in parsed.body if isinstance(entry, ftl.Junk)]
    names = [entry.id.name for entry in parsed.body if isinstance(entry, ftl.Message)]
    assert len(names) == len(set(names)), "a key is there twice"
    return {entry.id.name: entry for entry in parsed.body if isinstance(entry, ftl.Message)}


def nodes(node: ftl.BaseNode) -> Iterator[ftl.BaseNode]:
    yield node
    for value in vars(node).values():
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ftl.BaseNode):
                yield from nodes(child)


def variables(message: ftl.Message) -> set[str]:
    return {node.id.name for node in nodes(message) if isinstance(node, ftl.VariableReference)}


@pytest.mark.parametrize("language", OTHERS)
def test_no_text_is_missing_in_any_language(language: str) -> None:
    assert set(messages(language)) == set(messages(DEFAULT))


@pytest.mark.parametrize("language", OTHERS)
def test_texts_hold_the_same_values_in_every_language(language: str) -> None:
    english = messages(DEFAULT)
    for key, message in messages(language).items():
        assert variables(message) == variables(english[key]), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_plural_forms_are_complete(language: str) -> None:
    for key, message in messages(language).items():
        for selection in (node for node in nodes(message) if isinstance(node, ftl.SelectExpression)):
            names = {variant.key.name for variant in selection.variants if isinstance(variant.key, ftl.Identifier)}
            assert names == PLURALS[language] | {"other"}, key


def literals() -> Iterator[tuple[str, bool]]:
    """Every text constant of the bot's code; True for the fixed beginning of a formatted one."""
    for path in CODE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value, False
            elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                yield str(node.values[0].value), True


def test_no_text_is_unused() -> None:
    found = list(literals())
    whole = {text for text, begins in found if not begins}
    beginnings = tuple(text for text, begins in found if begins and re.fullmatch(r"[a-z]+(-[a-z]+)*-", text))
    unused = [key for key in messages(DEFAULT) if key not in whole and not key.startswith(beginnings)]
    assert not [key for key in unused if key.removesuffix("-description") not in whole]


def test_every_key_that_the_code_names_exists() -> None:
    keys = messages(DEFAULT)
    missing = []
    for path in CODE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "t":
                key = node.args[1]
                if isinstance(key, ast.Constant) and key.value not in keys:
                    missing.append((path.name, key.value))
    assert not missing


@pytest.mark.parametrize("language", LANGUAGES)
def test_labels_and_commands_fit_what_discord_takes(language: str) -> None:
    for key in messages(language):
        text = t(language, key) if not variables(messages(language)[key]) else ""
        if key.startswith("button-"):
            assert 0 < len(text) <= 34, key  # more is not visible on a phone
        elif key.startswith(("command-", "option-")):
            limit = 100 if key.endswith("-description") else 32
            assert 0 < len(text) <= limit, key
            if not key.endswith("-description"):
                assert re.fullmatch(r"[-_\w]+", text), key
                assert text == text.lower(), key
        elif "modal-title" in key or "modal-" in key:
            assert len(text) <= 45, key


def test_russian_counts_as_russians_do() -> None:
    def days(count: int) -> str:
        return t("ru", "settings-days", count=count).rpartition(" ")[2]

    assert len({days(1), days(21)}) == 1
    assert len({days(2), days(24)}) == 1
    assert len({days(5), days(11), days(112)}) == 1
    assert len({days(1), days(2), days(5)}) == 3


def test_unknown_locales_are_answered_in_english() -> None:
    assert language_of("ru") == language_of("ru-RU") == "ru"
    assert language_of("xx") == language_of(None) == language_of("en-GB") == "en"
    assert t("de", "button-stop") == t("en-US", "button-stop")


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(KeyError):
        t("ru", "no-such-key")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_can_be_formed(language: str) -> None:
    made = bundle(language)
    for key, message in messages(language).items():
        for number in (0, 1, 2, 5, 21):
            values = dict.fromkeys(variables(message), number)
            text, problems = made.format_pattern(made.get_message(key).value, values)
            assert text, key
            assert not problems, key
