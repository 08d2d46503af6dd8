"""What a reload applies at once, what needs a restart, and that no key is forgotten."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from antiphon.config.model import Config
from inference_service.reloading import AFTER_RESTART, OTHER_PROCESSES, ROUTING, changed, sentences, within

# Keys that the service reads again at every reload. A new key of the configuration belongs here or into AFTER_RESTART.
AT_ONCE = (
    "service.callers", "service.chat_deadline", "service.grace", "service.image_deadline", "service.max_streams",
    "routing.attempts", "routing.image_timeouts", "routing.order", "routing.timeouts", "images",
    "embedded", "catalogue_dir", "service.status_names", "service.http_cors", "service.allow_provider_options",
)  # fmt: skip
CLASSES = {"at once": AT_ONCE, "after a restart": AFTER_RESTART, "other processes": OTHER_PROCESSES, "routing": ROUTING}


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The section that a field holds, if it holds one and not many."""
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every dotted key of the model; tables with names of the user's own count as one key."""
    for name, field in model.model_fields.items():
        key, section = f"{prefix}{name}", section_of(field.annotation)
        if section is not None and "dict" not in str(field.annotation) and "list" not in str(field.annotation):
            yield from leaves(section, f"{key}.")
        else:
            yield key


def config(**sections: dict[str, Any]) -> Config:
    return Config.model_validate(sections)


@pytest.mark.parametrize("key", list(leaves(Config)))
def test_every_key_of_the_configuration_is_in_exactly_one_class(key: str) -> None:
    assert [name for name, keys in CLASSES.items() if within(key, keys)] in ([name] for name in CLASSES)


@pytest.mark.parametrize("listed", [key for keys in CLASSES.values() for key in keys])
def test_no_class_lists_a_key_that_does_not_exist(listed: str) -> None:
    assert any(within(key, (listed,)) for key in leaves(Config))


def test_a_key_lies_within_itself_and_its_section_and_not_within_a_longer_name() -> None:
    assert within("state", ("state",))
    assert within("state.prefix", ("state",))
    assert within("service.tls.key", ("x", "service.tls"))
    assert not within("service.port_range", ("service.port",))
    assert not within("service", ("service.port",))
    assert not within("state", ())


def test_nothing_changed_is_nothing_said() -> None:
    assert sentences(Config(), Config()) == []
    assert list(changed(Config(), Config())) == []


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ({"service": {"grace": 5}}, ["service.grace was changed."]),
        ({"service": {"port": 1234}}, ["service.port was changed; it takes effect after a restart."]),
        ({"routing": {"attempts": 3}}, ["routing.attempts was changed."]),
        ({"routing": {"timeouts": {"idle": 3}}}, ["routing.timeouts.idle was changed."]),
        (
            {"routing": {"breaker": {"failures": 9}}},
            ["routing.breaker.failures was changed; it takes effect after a restart."],
        ),
        ({"images": {"max_pixels": 1_000_000}}, ["images.max_pixels was changed."]),
        ({"state": {"prefix": "x"}}, ["state.prefix was changed; it takes effect after a restart."]),
        (
            {"client": {"target": "dns:///x"}},
            ["client.target was changed; it takes effect when the process that reads it is restarted."],
        ),
        ({"providers": {"groq": {"enabled": False}}}, []),  # routing reports it, in more detail
        (
            {"service": {"callers": {"bot": {"token_env": "BOT_TOKEN"}}}},
            ["service.callers was changed."],
        ),
        (
            {"service": {"tls": {"certificate": "c.pem", "key": "k.pem"}}},
            ["service.tls was changed; it takes effect after a restart."],
        ),
    ],
)
def test_a_reload_says_what_changed_and_when_it_takes_effect(after: dict[str, Any], said: list[str]) -> None:
    assert sentences(Config(), config(**after)) == said
    assert sentences(config(**after), Config()) == said  # the way back is a change, too


def test_every_change_of_one_reload_is_said_in_the_order_of_the_file() -> None:
    before = config(service={"grace": 5, "port": 1}, images={"max_pixels": 1_000_000})
    after = config(service={"grace": 6, "port": 2}, images={"max_pixels": 2_000_000})
    assert sentences(before, after) == [
        "service.port was changed; it takes effect after a restart.",
        "service.grace was changed.",
        "images.max_pixels was changed.",
    ]
