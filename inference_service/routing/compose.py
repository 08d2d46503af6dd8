"""Composes default routes: by capability, then the operator's order, free before paid, then the catalogue's order.

Pure over what is currently known about the providers; repeated whenever a model list has taught something.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from inference_service.domain import Capabilities, Task
from inference_service.providers.catalogue.row import Row
from inference_service.providers.seam import Provider

# Kinds without a row come after every row, in this order.
LAST = ("flux-schnell", "flux-dev", "janus", "space", "embedded")
FREE = frozenset({"recurring", "keyless", "community", "local"})
MOST_OF_ONE = 2  # deployments of one provider in a default route: limits are often per model
ROUTES: Mapping[str, Task] = {
    "chat": Task.CHAT,
    "fast": Task.CHAT,
    "vision": Task.CHAT,
    "image": Task.IMAGE,
    "transcribe": Task.TRANSCRIBE,
    "embed": Task.EMBED,
}
CONVERSE = frozenset({"chat", "vision", "image"})  # the task of the adapter's default models
# Built-in public names: the task, and what the name of an upstream model must contain.
FAMILIES: Mapping[str, tuple[Task, tuple[str, ...]]] = {
    "flux": (Task.IMAGE, ("flux",)),
    "flux-dev": (Task.IMAGE, ("flux", "dev")),
    "flux-schnell": (Task.IMAGE, ("flux", "schnell")),
    "janus": (Task.CHAT, ("janus",)),
    "gpt-4o-mini": (Task.CHAT, ("gpt-4o-mini",)),
}


class Member(Struct, frozen=True):
    """One deployment of a default route, and the reasons for its position."""

    deployment: str  # "provider/upstream-model"
    provider: str
    model: str
    why: str
    turn: int = 0  # 0: the provider's first choice; 1: its second, after everybody's first
    unknown: bool = False  # nothing says that it can do this


class Ranks:
    """The position of each provider."""

    def __init__(self, rows: Mapping[str, Row], order: Sequence[str]) -> None:
        self._rows, self._order = rows, list(order)
        self._places = {kind: place for place, kind in enumerate((*rows, *LAST))}

    def is_free(self, kind: str) -> bool:
        return kind not in self._rows or self._rows[kind].tier in FREE

    def of(self, name: str, kind: str) -> tuple[int, int, int]:
        """Lowest first: position in `routing.order`, free or paid, position in the catalogue."""
        named = next((self._order.index(word) for word in (name, kind) if word in self._order), len(self._order))
        # A demo is the last resort, whatever it costs.
        price = 2 if kind == "embedded" else 0 if self.is_free(kind) else 1
        return (named, price, self._places.get(kind, len(self._places)))

    def why(self, name: str, kind: str) -> str:
        if name in self._order or kind in self._order:
            return "named in routing.order"
        return "free" if self.is_free(kind) else "paid"


def compose(route: str, providers: Mapping[str, Provider], ranks: Ranks) -> list[Member]:
    """The members of a default route in order."""
    task = ROUTES[route]
    members: list[Member] = []
    for name, provider in providers.items():
        members += _of_one(route, task, name, provider, ranks.why(name, provider.declaration.kind))
    if all(member.unknown for member in members):
        return []  # nothing is known to do it, and a guess is no route
    members = sorted(
        members,
        key=lambda choice: (
            choice.unknown,
            choice.turn,
            ranks.of(choice.provider, providers[choice.provider].declaration.kind),
        ),
    )
    if route == "fast":  # after all fast chat deployments, so that it is a later fallback
        present = {choice.deployment for choice in members}
        members += [choice for choice in compose("chat", providers, ranks) if choice.deployment not in present]
    return members


def _of_one(route: str, task: Task, name: str, provider: Provider, price: str) -> list[Member]:
    models, why = choices(provider, route)
    able = [model for model in models if serves(provider.capabilities(model), route, task)]
    if route == "vision" and not able:
        hopeful = [
            candidate
            for candidate in choices(provider, "chat")[0]
            if "vision" in provider.capabilities(candidate).unknown
        ]
        reason = "not known to accept pictures: tried last"
        return [Member(f"{name}/{model}", name, model, reason, unknown=True) for model in hopeful[:1]]
    most = 1 if provider.settings.models else MOST_OF_ONE
    return [
        Member(f"{name}/{model}", name, model, f"{price}; {why}" if turn == 0 else f"{price}; second choice", turn)
        for turn, model in enumerate(able[:most])
    ]


def serves(can: Capabilities, route: str, task: Task) -> bool:
    return can.can(task) and (can.vision or route != "vision")


def choices(provider: Provider, route: str) -> tuple[tuple[str, ...], str]:
    """Upstream models of a provider for a route, best first, and where they come from."""
    if provider.settings.models:
        return provider.settings.models, "named in the configuration"
    prefers = getattr(provider, "choices", None)
    if prefers is None:
        return (provider.declaration.default_models if route in CONVERSE else ()), "its default model"
    preferred = tuple(prefers(route))
    if getattr(provider, "listed_models", None):
        return preferred, "preferred, and in today's list"
    fallback = provider.declaration.default_models if route in CONVERSE else ()
    return preferred or fallback, "preferred; no list is known yet"


def families(deployments: Mapping[str, tuple[str, Capabilities]]) -> dict[str, tuple[str, ...]]:
    """Built-in public name → deployments whose upstream model has it. Values: (model, what it can do)."""
    families = {}
    for public, (task, words) in FAMILIES.items():
        members = tuple(
            name
            for name, (model, can) in deployments.items()
            if can.can(task) and all(word in model.lower() for word in words)
        )
        if members:
            families[public] = members
    return families
