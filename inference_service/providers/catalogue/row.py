"""One row of the catalogue: everything about a provider that is data, and its validation.

Field names are the keys of the TOML table; docs/guides/adding-a-provider.md explains each.
"""

import datetime as dt
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Literal

from msgspec import Struct

from inference_service.domain import CHAT_SETTINGS, Capabilities
from inference_service.failures import FailureKind, Scope
from inference_service.providers.catalogue import prices
from inference_service.providers.catalogue.prices import Price
from inference_service.providers.kit.dialect import Dialect, Sign
from inference_service.providers.kit.limits import WINDOWS
from inference_service.providers.seam import Patience
from inference_service.quotas import Clock, LimitFact, Quota, Unit
from inference_service.settings import CHAT_FIELDS

Tier = Literal["recurring", "keyless", "community", "credit", "paid", "local", "retired"]
Window = Literal["second", "minute", "hour", "session", "day", "week", "month"]
Format = Literal["json_object", "json_schema"]
Counts = Literal["", "gemini", "anthropic", "vllm"]
LENGTHS = {**WINDOWS, "session": 5 * 3_600.0}
PICTURES = Capabilities(image=True, settings=frozenset({"size", "aspect_ratio"}))
SPEECH = Capabilities(transcribe=True, settings=frozenset({"language", "prompt", "temperature"}))
VECTORS = Capabilities(embed=True, settings=frozenset({"dimensions"}))
TASKS = ("chat", "vision", "image", "transcribe", "embed", "fast")


class QuotaRow(Struct, frozen=True, forbid_unknown_fields=True):
    limit: int
    unit: Unit = Unit.REQUESTS
    per: Window | None = None  # None: concurrent calls
    clock: Clock = Clock.ROLLING
    scope: Scope = Scope.CREDENTIAL_MODEL
    models: tuple[str, ...] = ()

    def quota(self) -> Quota:
        window = LENGTHS[self.per] if self.per else 0.0
        return Quota(self.unit, self.limit, window, self.clock, self.scope.value, self.models)


class SignRow(Struct, frozen=True, forbid_unknown_fields=True):
    kind: FailureKind
    words: str
    statuses: tuple[int, ...] = ()
    scope: Scope | None = None
    wait: float | None = None
    unit: Unit = Unit.REQUESTS
    per: Window | None = None
    clock: Clock = Clock.WALL
    capability: str = ""
    field: str = ""

    def sign(self) -> Sign:
        limit = LimitFact(self.unit, LENGTHS[self.per], self.clock) if self.per else None
        if limit is None and self.unit is not Unit.REQUESTS:
            limit = LimitFact(self.unit)
        return Sign(
            self.kind, self.words, self.statuses, self.scope, self.wait, limit, self.capability, self.field
        )  # fmt: skip


class Models(Struct, frozen=True, forbid_unknown_fields=True):
    """Patterns of upstream models. hears: take recordings in a conversation; other: what the list holds beside chat models; free: what costs nothing.

    pictures: how many one request may hold; 0: unknown."""

    sees: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()
    hears: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    no_tools: tuple[str, ...] = ()
    no_system: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    pictures: int = 0
    context: Mapping[str, int] = {}


class Wire(Struct, frozen=True, forbid_unknown_fields=True):
    """How requests differ. refuses, takes: dotted settings, fewer or more than most servers take; renames: dotted setting
    → key of the body; most: highest value.

    formats: response formats that the provider enforces. default_tokens: sent as the limit of an answer if the caller sets none. usage: whether `stream_options` is accepted.
    body: sent with every chat. counts: how the provider counts tokens, if it does. list: path of the model list; strip: prefix of its ids to drop.
    """

    headers: Mapping[str, str] = {}
    key_header: str = "Authorization"
    max_tokens: str = "max_tokens"
    default_tokens: int = 0
    refuses: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    renames: Mapping[str, str] = {}
    most: Mapping[str, float] = {}
    usage: bool = True
    formats: tuple[Format, ...] = ()
    body: Mapping[str, object] = {}
    counts: Counts = ""
    list: str = "models"
    strip: str = ""


class Prefill(Struct, frozen=True, forbid_unknown_fields=True):
    """How a half-finished answer is continued. message: into the open turn; body: into the request.

    refused: patterns of models known not to continue.
    """

    models: tuple[str, ...] = ("*",)
    refused: tuple[str, ...] = ()
    message: Mapping[str, object] = {}
    body: Mapping[str, object] = {}


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """group: who shares a quota; scope: what a rate limit applies to; windows: for header names that state none."""

    group: Literal["credential", "account"] = "credential"
    scope: Scope = Scope.CREDENTIAL_MODEL
    windows: Mapping[str, Window] = {}


class About(Struct, frozen=True, forbid_unknown_fields=True):
    """For people: what is free, what happens to their data, where to get a key, and the sources of this row."""

    limits: str = ""
    data: str = ""
    signup: str = ""
    source: str = ""
    date: dt.date | None = None


class Row(Struct, frozen=True, forbid_unknown_fields=True):
    """rank: position among providers of the same price in default routes, lowest first."""

    title: str
    tier: Tier
    base_url: str = ""
    env: tuple[str, ...] = ()
    account_env: tuple[str, ...] = ()
    base_url_env: tuple[str, ...] = ()
    key: str = ""
    rank: int = 50
    chat: tuple[str, ...] = ()
    vision: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    transcribe: tuple[str, ...] = ()
    embed: tuple[str, ...] = ()
    fast: tuple[str, ...] = ()
    models: Models = Models()
    wire: Wire = Wire()
    prefill: Prefill | None = None
    limits: Limits = Limits()
    quotas: tuple[QuotaRow, ...] = ()
    signs: tuple[SignRow, ...] = ()
    prices: tuple[Price, ...] = ()
    bounds: Patience = Patience()
    about: About = About()

    def dialect(self, signs: tuple[Sign, ...] = ()) -> Dialect:
        """signs: an adapter's own, checked first."""
        return Dialect(
            signs=(*signs, *(quota.sign() for quota in self.signs)),
            quotas=tuple(quota.quota() for quota in self.quotas),
            windows={what: LENGTHS[window] for what, window in self.limits.windows.items()},
            scope=self.limits.scope,
        )

    @property
    def group(self) -> str:
        """Who shares a quota: the whole account, if the row says so or declares a quota of the whole group."""
        return "account" if any(quota.scope is Scope.GROUP for quota in self.quotas) else self.limits.group

    def preferences(self, task: str) -> tuple[str, ...]:
        patterns: tuple[str, ...] = getattr(self, task)
        return patterns

    def first_choices(self, *tasks: str) -> tuple[str, ...]:
        """The ids to offer before the list is known: for each task, the first preference that is not a pattern."""
        named = [next((model for model in self.preferences(task) if not is_pattern(model)), "") for task in tasks]
        return tuple(dict.fromkeys(model for model in named if model))

    def can(self, model: str) -> Capabilities:
        """What the row alone says about an upstream model; what it does not say is `unknown`."""
        facts = self.models
        if matches(model, self.image):
            return PICTURES
        if matches(model, self.transcribe):
            return SPEECH
        if matches(model, self.embed):
            return VECTORS
        if matches(model, facts.other):
            return Capabilities()
        sees = matches(model, (*facts.sees, *self.vision))
        calls = matches(model, facts.tools)
        continues = self.prefill is not None and matches(model, self.prefill.models)
        refuses = self.prefill is not None and matches(model, self.prefill.refused)
        unknown = {
            "vision": not sees and not matches(model, facts.blind),
            "prefill": not continues and not refuses,
            "tools": not calls and not matches(model, facts.no_tools),
        }
        return Capabilities(
            chat=True,
            vision=sees,
            audio=matches(model, facts.hears),
            streaming=True,
            prefill=continues,
            tools=calls,
            formats=frozenset(self.wire.formats),
            settings=CHAT_SETTINGS.union(self.wire.takes).difference(self.wire.refuses),
            context_tokens=next((size for pattern, size in facts.context.items() if fnmatchcase(model, pattern)), 0),
            max_images=facts.pictures,
            unknown=frozenset(name for name, is_unknown in unknown.items() if is_unknown),
        )


def is_pattern(name: str) -> bool:
    return any(mark in name for mark in "*?[")


def matches(model: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(model, pattern) for pattern in patterns)


def mistakes(row: Row) -> list[tuple[str, str]]:
    """(key, what is wrong and what to do) for a row whose types are valid."""
    problems = []
    for key, pattern in (("key", row.key), *((f"signs[{at}].words", sign.words) for at, sign in enumerate(row.signs))):
        try:
            re.compile(pattern)
        except re.error as error:
            problems.append((key, f"is not a regular expression ({error}): correct it or leave it out"))
    if row.base_url and not row.base_url.startswith(("https://", "http://")):
        problems.append(("base_url", f"{row.base_url[:60]!r} does not begin with https://: write the whole address"))
    if "{account}" in row.base_url and not row.account_env:
        problems.append(("account_env", "is missing: base_url has {account}, so name the variable that holds it"))
    problems += [
        ("env", f"{name[:4]!r}… is not the name of a variable: keys do not belong in a row")
        for name in row.env
        if not re.fullmatch(r"[A-Za-z_]\w*", name)
    ]
    names, wire = ", ".join(sorted(CHAT_FIELDS)), row.wire
    named = {"refuses": wire.refuses, "takes": wire.takes, "renames": wire.renames, "most": wire.most}
    problems += [
        (f"wire.{key}", f"{field!r} is no setting; known are {names}")
        for key, fields in named.items()
        for field in fields
        if field not in CHAT_FIELDS
    ]
    problems += prices.mistakes(row.prices)
    if not (row.base_url or row.base_url_env) and row.tier != "local":
        problems.append(("base_url", "is missing: write the address of the API"))
    return problems
