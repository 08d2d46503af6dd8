"""From configuration and environment to providers, pools and routes: the default routes of the mission included."""

import hashlib
import re
from collections.abc import Mapping

from msgspec import Struct

from antiphon.config.model import Config, ProviderConfig, RouteConfig
from antiphon.config.secrets import Secret, SecretProblem, find_secrets
from inference_service.credentials.types import PoolSpec
from inference_service.domain import OnInterruption, Task
from inference_service.providers.registry import KINDS, build_provider
from inference_service.providers.seam import Provider
from inference_service.quotas import declared, overridden
from inference_service.routing.plan import Deployment, Plan, Route

# The order of the default routes; what is not configured is passed over.
CHAT_ORDER = (
    "github", "azure", "openai", "mistral", "deepinfra", "huggingface", "cloudflare", "pollinations", "janus", "space", "embedded",
)  # fmt: skip
IMAGE_ORDER = (
    "cloudflare", "huggingface", "deepinfra", "pollinations", "openai", "azure", "flux-schnell", "flux-dev", "janus", "space",
    "aihorde", "embedded",
)  # fmt: skip
# Public names of the mission for whatever draws or chats like it; each finds the deployments whose model contains the word.
FAMILIES = {"flux": (Task.IMAGE, "flux"), "janus": (Task.CHAT, "janus")}
ANONYMOUS = "anonymous"


class ConfigProblem(Exception):
    """Configuration that is well-formed and cannot work. `problems` are (key, text)."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{key}: {text}" for key, text in problems))


class Parts(Struct):
    """What a router is made of. `secrets` and `labels` are by pool and credential id."""

    plan: Plan
    pools: dict[str, PoolSpec]
    secrets: dict[str, dict[str, str | None]]
    labels: dict[tuple[str, str], str]
    warnings: list[str]


def build_parts(config: Config, environ: Mapping[str, str]) -> Parts:
    """Raises ConfigProblem with everything that is wrong."""
    problems: list[tuple[str, str]] = []
    warnings: list[str] = []
    providers: dict[str, Provider] = {}
    found: dict[str, list[Secret]] = {}
    for name, given in _tables(config, environ).items():
        key = f"providers.{name}"
        try:
            provider = build_provider(name, given, config)
            found[name] = find_secrets(given.credentials_env or list(provider.declaration.credentials), environ)
        except (ValueError, SecretProblem) as error:
            problems.append((key, str(error)))
            continue
        problems += _unknown_members(key, given, provider)
        anonymous = given.anonymous if given.anonymous is not None else not provider.declaration.needs_credential
        if not found[name] and not anonymous:
            names = ", ".join(given.credentials_env or provider.declaration.credentials)
            warnings.append(f"The provider {name} has no credential and is not used; set {names}.")
            continue
        providers[name] = provider
    deployments = _deployments(providers)
    routes = _routes(config, providers, deployments, problems)
    if problems:
        raise ConfigProblem(problems)
    plan = Plan(providers, deployments.values(), routes, config.routing.timeouts, config.routing.image_timeouts)
    pools, secrets, labels = _pools(config, providers, deployments, found)
    return Parts(plan, pools, secrets, labels, warnings)


def _tables(config: Config, environ: Mapping[str, str]) -> dict[str, ProviderConfig]:
    """Configured providers, and every kind whose credentials are in the environment."""
    tables = {name: given for name, given in config.providers.items() if given.enabled}
    for kind, provider in KINDS.items():
        declaration = provider.declaration
        if kind in config.providers or kind == "embedded" or not declaration.credentials:
            continue
        try:
            present = bool(find_secrets(declaration.credentials, environ))
        except SecretProblem:
            present = True  # so that the problem is told below
        if present and declaration.default_models and (declaration.base_url or kind == "azure"):
            tables[kind] = ProviderConfig()
    if not tables and "embedded" not in config.providers:
        tables["embedded"] = ProviderConfig()
    return tables


def _deployments(providers: Mapping[str, Provider]) -> dict[str, Deployment]:
    found: dict[str, Deployment] = {}
    for name, provider in providers.items():
        for model in dict.fromkeys((*provider.settings.models, *_offered(provider))):
            found[f"{name}/{model}"] = Deployment(f"{name}/{model}", provider, model)
    return found


def _offered(provider: Provider) -> tuple[str, ...]:
    """Models of a provider without any configuration of them; own models replace the defaults."""
    return () if provider.settings.models else provider.declaration.default_models


def _routes(
    config: Config,
    providers: Mapping[str, Provider],
    deployments: dict[str, Deployment],
    problems: list[tuple[str, str]],
) -> list[Route]:
    lists: dict[str, tuple[str, ...]] = {
        "chat": _first_of_each(providers, deployments, CHAT_ORDER, Task.CHAT),
        "vision": _first_of_each(providers, deployments, CHAT_ORDER, Task.CHAT, vision=True),
        "image": _first_of_each(providers, deployments, IMAGE_ORDER, Task.IMAGE),
    }
    for family, (task, word) in FAMILIES.items():
        members = tuple(
            name for name, one in deployments.items() if word in one.model.lower() and one.capabilities.can(task)
        )
        if members:
            lists[family] = members
    for name, provider in providers.items():
        for alias, model in provider.settings.aliases.items():
            full = f"{name}/{model}"
            deployments.setdefault(full, Deployment(full, provider, model))
            if alias not in lists or not lists[alias]:
                lists[alias] = (full,)
            elif full not in lists[alias]:
                lists[alias] = (*lists[alias], full)
    settings = {name: config.routes[name] for name in config.routes}
    for name, given in settings.items():
        if given.deployments:
            lists[name] = tuple(
                _named(f"routes.{name}.deployments", given.deployments, providers, deployments, problems)
            )
    aliases = _aliases(settings, lists, problems)
    return [
        _route(
            config,
            name,
            members,
            settings.get(name, RouteConfig()),
            tuple(sorted(a for a, to in aliases.items() if to == name)),
        )
        for name, members in lists.items()
        if members and name not in aliases
    ]


def _first_of_each(
    providers: Mapping[str, Provider],
    deployments: Mapping[str, Deployment],
    order: tuple[str, ...],
    task: Task,
    *,
    vision: bool = False,
) -> tuple[str, ...]:
    found = []
    for kind in order:
        for provider in providers.values():
            if provider.declaration.kind != kind:
                continue
            able = [
                one.name
                for one in deployments.values()
                if one.provider is provider and one.capabilities.can(task) and (one.capabilities.vision or not vision)
            ]
            found += able[:1]
    return tuple(found)


def _named(
    key: str,
    names: list[str],
    providers: Mapping[str, Provider],
    deployments: dict[str, Deployment],
    problems: list[tuple[str, str]],
) -> list[str]:
    """Deployments that a route names; one of an unused provider is passed over, one of an unknown is a problem."""
    usable = []
    for name in names:
        provider_name, _, model = name.partition("/")
        if not model:
            problems.append((key, f"{name!r} is not of the form provider/upstream-model"))
        elif provider_name in providers:
            deployments.setdefault(name, Deployment(name, providers[provider_name], model))
            usable.append(name)
        elif provider_name not in KINDS:
            problems.append(
                (key, f"there is no provider {provider_name!r}; known are {', '.join({**providers, **KINDS})}")
            )
    if not usable and not problems:
        problems.append((key, "none of these deployments has a usable credential; set one or change the route"))
    return usable


def _aliases(
    settings: Mapping[str, RouteConfig], lists: Mapping[str, tuple[str, ...]], problems: list[tuple[str, str]]
) -> dict[str, str]:
    """Alias → the route at the end of its chain."""
    found: dict[str, str] = {}
    for name, given in settings.items():
        seen, target = [name], given.alias_of
        if target is None:
            continue
        while target in settings and settings[target].alias_of and target not in seen:
            seen.append(target)
            target = settings[target].alias_of or ""
        if target in seen:
            problems.append((f"routes.{name}.alias_of", f"the aliases go in a circle: {' → '.join([*seen, target])}"))
        elif target not in lists:
            problems.append((f"routes.{name}.alias_of", f"there is no route {target!r}; known are {', '.join(lists)}"))
        else:
            found[name] = target
    return found


def _route(config: Config, name: str, members: tuple[str, ...], given: RouteConfig, aliases: tuple[str, ...]) -> Route:
    return Route(
        model=name,
        deployments=members,
        on_interruption=OnInterruption(given.on_interruption),
        continue_by_instruction=frozenset(given.continue_by_instruction),
        timeouts=given.timeouts or config.routing.timeouts,
        image_timeouts=given.image_timeouts or config.routing.image_timeouts,
        hedge=given.hedge,
        aliases=aliases,
    )


def _pools(
    config: Config,
    providers: Mapping[str, Provider],
    deployments: Mapping[str, Deployment],
    found: Mapping[str, list[Secret]],
) -> tuple[dict[str, PoolSpec], dict[str, dict[str, str | None]], dict[tuple[str, str], str]]:
    pools: dict[str, PoolSpec] = {}
    secrets: dict[str, dict[str, str | None]] = {}
    labels: dict[tuple[str, str], str] = {}
    for name, provider in providers.items():
        given = config.providers.get(name, ProviderConfig())
        ids = {credential_id(secret.value): secret for secret in found[name]}
        groups = [_group(given, provider, key, secret) for key, secret in ids.items()]
        secrets[name] = {key: secret.value for key, secret in ids.items()} or {ANONYMOUS: None}
        for key in secrets[name]:
            labels[name, key] = ids[key].label if key in ids else "no credential"
        pools[name] = PoolSpec(
            name,
            tuple(secrets[name]),
            tuple(groups) or (ANONYMOUS,),
            given.max_concurrent or 0,
            overridden(getattr(provider.declaration, "quotas", ()), map(declared, given.quotas)),
            tuple(one.model for one in deployments.values() if one.provider is provider),
        )
    return pools, secrets, labels


def _unknown_members(key: str, given: ProviderConfig, provider: Provider) -> list[tuple[str, str]]:
    """Names in quota groups that no credential of the provider can have; a variable that is not set is no mistake."""
    names = given.credentials_env or list(provider.declaration.credentials)
    pattern = re.compile("|".join(rf"{re.escape(name)}\d*" for name in names) or "(?!)")
    return [
        (
            f"{key}.quota_groups",
            f"there is no credential {member!r}; allowed are {', '.join(f'{n}, {n}1, …' for n in names)}",
        )
        for group in given.quota_groups
        for member in group
        if not pattern.fullmatch(member)
    ]


def _group(given: ProviderConfig, provider: Provider, key: str, secret: Secret) -> str:
    for number, names in enumerate(given.quota_groups):
        if secret.name in names:
            return f"group{number}"
    return "account" if provider.declaration.quota_group == "account" else key


def credential_id(value: str) -> str:
    """The same in every process, and nothing can be read from it."""
    return hashlib.sha256(b"antiphon:" + value.encode()).hexdigest()[:12]
