"""From configuration, catalogue and environment to providers, pools and routes: the default routes included."""

import difflib
import hashlib
import re
from collections.abc import Mapping

from msgspec import Struct

from antiphon.config.model import Config, ProviderConfig, RouteConfig
from antiphon.config.secrets import Secret, SecretProblem, surroundings
from inference_service.credentials.types import PoolSpec
from inference_service.domain import OnInterruption
from inference_service.providers.catalogue import load
from inference_service.providers.catalogue.row import Row
from inference_service.providers.registry import build_provider, known_kinds
from inference_service.providers.seam import Provider
from inference_service.quotas import declared, overridden
from inference_service.routing import keys
from inference_service.routing.compose import ROUTES, Ranks, compose, families
from inference_service.routing.plan import Deployment, Plan, Route

ANONYMOUS = "anonymous"


class ConfigProblem(Exception):
    """Configuration that is well-formed and cannot work. `problems` are (key, text)."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{key}: {text}" for key, text in problems))


class Parts(Struct):
    """The parts of a router. `secrets` and `labels` are by pool and credential id; `notes` are shown to people at the start."""

    plan: Plan
    pools: dict[str, PoolSpec]
    secrets: dict[str, dict[str, str | None]]
    labels: dict[tuple[str, str], str]
    warnings: list[str]
    rows: Mapping[str, Row] = {}


class _Draft(Struct):
    """Collects the parts while they are built."""

    config: Config
    environ: Mapping[str, str]
    rows: Mapping[str, Row]
    providers: dict[str, Provider] = {}
    found: dict[str, list[Secret]] = {}
    problems: list[tuple[str, str]] = []
    warnings: list[str] = []


def build_parts(config: Config, environ: Mapping[str, str]) -> Parts:
    """Raises ConfigProblem with everything that is wrong."""
    try:
        rows = load.load(*load.directories(environ, config.catalogue_dir))
    except load.CatalogueProblem as problem:
        raise ConfigProblem([("catalogue", line) for line in problem.lines]) from None
    draft = _Draft(config, surroundings(environ), rows)
    for name, table in keys.tables(config, draft.environ, rows).items():
        _add_provider(draft, name, table)
    draft.warnings += keys.misplaced(config, draft.environ, rows)
    deployments = _deployments(draft.providers)
    routes = compose_routes(config, draft.providers, deployments, rows, draft.problems)
    if draft.problems:
        raise ConfigProblem(draft.problems)
    plan = Plan(draft.providers, deployments.values(), routes, config.routing.timeouts, config.routing.image_timeouts)
    pools, secrets, labels = _pools(config, draft.providers, deployments, draft.found)
    return Parts(plan, pools, secrets, labels, draft.warnings, rows)


def _add_provider(draft: _Draft, name: str, table: ProviderConfig) -> None:
    """One provider with its credentials; its mistakes go into the problems or warnings."""
    kind = table.kind or name
    row = draft.rows.get(kind)
    try:
        address = keys.base_url_of(row, draft.environ) if row is not None else ""
        provider = build_provider(name, table, draft.config, draft.rows, address)
        declaration = provider.declaration
        official = provider.settings.base_url == declaration.base_url
        names = table.credentials_env or list(declaration.credentials)
        secrets, misnamed = keys.credentials(names, draft.environ, kind, draft.rows, own_address=official)
    except (ValueError, SecretProblem) as error:
        draft.problems.append((f"providers.{name}", str(error)))
        return
    draft.warnings += misnamed
    draft.problems += _unknown_members(f"providers.{name}", table, provider)
    if row is not None and "{account}" in provider.settings.base_url and not _account(provider):
        paired = [keys.with_account(secret, row, draft.environ) for secret in secrets]
        if secrets and None in paired:
            text = f"the account is unknown: set {row.account_env[0]}, or write account:token into {secrets[0].name}"
            if name in draft.config.providers:
                draft.problems.append((f"providers.{name}", text))
                return
            draft.warnings.append(f"{declaration.title} is not used, because {text}.")
        secrets = [secret for secret in paired if secret is not None]
        if not secrets and name not in draft.config.providers:
            return
    anonymous = table.anonymous if table.anonymous is not None else not declaration.needs_credential
    if not secrets and not anonymous:
        if not misnamed:
            draft.warnings.append(f"The provider {name} has no credential and is not used; set {', '.join(names)}.")
        return
    draft.providers[name] = provider
    draft.found[name] = secrets


def _account(provider: Provider) -> object:
    options = provider.settings.options
    return options.get("account") or options.get("account_id")


def _deployments(providers: Mapping[str, Provider]) -> dict[str, Deployment]:
    deployments: dict[str, Deployment] = {}
    for name, provider in providers.items():
        for model in dict.fromkeys((*provider.settings.models, *_offered(provider))):
            deployments[f"{name}/{model}"] = Deployment(f"{name}/{model}", provider, model)
    return deployments


def _offered(provider: Provider) -> tuple[str, ...]:
    """Models of a provider that has no configured models; configured models replace the defaults."""
    return () if provider.settings.models else provider.declaration.default_models


def recompose(parts: Parts, config: Config) -> list[str]:
    """Composes the routes again from what model lists have taught. Returns the changes in sentences."""
    plan = parts.plan
    before = {route.model: route.deployments for route in plan.routes}
    plan.replace(compose_routes(config, plan.providers, plan.deployments, parts.rows, []))
    said = []
    for route in plan.routes:
        old = before.get(route.model, ())
        for name in old:
            provider, _, model = name.partition("/")
            if name in route.deployments or model in getattr(plan.providers[provider], "listed_models", ()):
                continue
            heir = next(
                (
                    candidate
                    for candidate in route.deployments
                    if candidate.partition("/")[0] == provider and candidate not in old
                ),
                None,
            )
            instead = f"; {heir} takes its place" if heir else ""
            said.append(f"The route {route.model} no longer uses {name}, which its provider does not list{instead}.")
    return said


def compose_routes(
    config: Config,
    providers: Mapping[str, Provider],
    deployments: dict[str, Deployment],
    rows: Mapping[str, Row],
    problems: list[tuple[str, str]],
) -> list[Route]:
    """Every route; deployments named in routes are added. Mistakes go into `problems`."""
    ranks = Ranks(rows, config.routing.order)
    kinds = {**providers, **known_kinds(rows)}
    problems += [
        ("routing.order", f"there is no provider {kind!r}; docs/providers.md lists them")
        for kind in config.routing.order
        if kind not in kinds
    ]
    lists: dict[str, tuple[str, ...]] = {}
    for route in ROUTES:
        members = compose(route, providers, ranks)
        for deployment in members:
            deployments.setdefault(
                deployment.deployment,
                Deployment(deployment.deployment, providers[deployment.provider], deployment.model),
            )
        lists[route] = tuple(deployment.deployment for deployment in members)
    by_rank = sorted(
        deployments.values(),
        key=lambda deployment: ranks.of(deployment.provider.settings.name, deployment.provider.declaration.kind),
    )
    lists |= families({deployment.name: (deployment.model, deployment.capabilities) for deployment in by_rank})
    for name, provider in providers.items():
        for alias, model in provider.settings.aliases.items():
            full = f"{name}/{model}"
            deployments.setdefault(full, Deployment(full, provider, model))
            if alias not in lists or not lists[alias]:
                lists[alias] = (full,)
            elif full not in lists[alias]:
                lists[alias] = (*lists[alias], full)
    settings = {name: config.routes[name] for name in config.routes}
    for name, table in settings.items():
        if table.deployments:
            lists[name] = tuple(
                _named(f"routes.{name}.deployments", table.deployments, providers, kinds, deployments, problems)
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


def _named(
    key: str,
    names: list[str],
    providers: Mapping[str, Provider],
    kinds: Mapping[str, object],
    deployments: dict[str, Deployment],
    problems: list[tuple[str, str]],
) -> list[str]:
    """Deployments that a route names; those of an unused provider are skipped, those of an unknown provider are a problem."""
    usable = []
    for name in names:
        provider_name, _, model = name.partition("/")
        if not model:
            problems.append((key, f"{name!r} is not of the form provider/upstream-model"))
        elif provider_name in providers:
            deployments.setdefault(name, Deployment(name, providers[provider_name], model))
            usable.append(name)
        elif provider_name not in kinds:
            near = difflib.get_close_matches(provider_name, [*providers, *kinds], n=3)
            hint = (
                f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join([*providers, *kinds][:12])}, …"
            )
            problems.append((key, f"there is no provider {provider_name!r}; {hint}"))
    if not usable and not problems:
        problems.append((key, "none of these deployments has a usable credential; set one or change the route"))
    return usable


def _aliases(
    settings: Mapping[str, RouteConfig], lists: Mapping[str, tuple[str, ...]], problems: list[tuple[str, str]]
) -> dict[str, str]:
    """Alias → the route at the end of its chain."""
    aliases: dict[str, str] = {}
    for name, table in settings.items():
        chain, target = [name], table.alias_of
        if target is None:
            continue
        while target in settings and settings[target].alias_of and target not in chain:
            chain.append(target)
            target = settings[target].alias_of or ""
        if target in chain:
            problems.append((f"routes.{name}.alias_of", f"the aliases form a circle: {' → '.join([*chain, target])}"))
        elif target not in lists:
            problems.append((f"routes.{name}.alias_of", f"there is no route {target!r}; known are {', '.join(lists)}"))
        else:
            aliases[name] = target
    return aliases


def _route(config: Config, name: str, members: tuple[str, ...], table: RouteConfig, aliases: tuple[str, ...]) -> Route:
    return Route(
        model=name,
        deployments=members,
        on_interruption=OnInterruption(table.on_interruption),
        continue_by_instruction=frozenset(table.continue_by_instruction),
        timeouts=table.timeouts or config.routing.timeouts,
        image_timeouts=table.image_timeouts or config.routing.image_timeouts,
        hedge=table.hedge,
        aliases=aliases,
        equal=table.order == "quota",
    )


def _pools(
    config: Config,
    providers: Mapping[str, Provider],
    deployments: Mapping[str, Deployment],
    by_provider: Mapping[str, list[Secret]],
) -> tuple[dict[str, PoolSpec], dict[str, dict[str, str | None]], dict[tuple[str, str], str]]:
    pools: dict[str, PoolSpec] = {}
    secrets: dict[str, dict[str, str | None]] = {}
    labels: dict[tuple[str, str], str] = {}
    for name, provider in providers.items():
        table = config.providers.get(name, ProviderConfig())
        ids = {credential_id(secret.value): secret for secret in by_provider[name]}
        groups = [_group(table, provider, key, secret) for key, secret in ids.items()]
        secrets[name] = {key: secret.value for key, secret in ids.items()} or {ANONYMOUS: None}
        for key in secrets[name]:
            labels[name, key] = ids[key].label if key in ids else "no credential"
        pools[name] = PoolSpec(
            name,
            tuple(secrets[name]),
            tuple(groups) or (ANONYMOUS,),
            table.max_concurrent or 0,
            overridden(provider.declaration.quotas, map(declared, table.quotas)),
            tuple(deployment.model for deployment in deployments.values() if deployment.provider is provider),
        )
    return pools, secrets, labels


def _unknown_members(key: str, table: ProviderConfig, provider: Provider) -> list[tuple[str, str]]:
    """Names in quota groups that no credential of the provider can have; an unset variable is not a mistake."""
    names = table.credentials_env or list(provider.declaration.credentials)
    pattern = re.compile("|".join(rf"{re.escape(name)}\d*" for name in names) or "(?!)")
    return [
        (
            f"{key}.quota_groups",
            f"there is no credential {member!r}; allowed are {', '.join(f'{n}, {n}1, …' for n in names)}",
        )
        for group in table.quota_groups
        for member in group
        if not pattern.fullmatch(member)
    ]


def _group(table: ProviderConfig, provider: Provider, key: str, secret: Secret) -> str:
    for number, names in enumerate(table.quota_groups):
        if secret.name in names:
            return f"group{number}"
    return "account" if provider.declaration.quota_group == "account" else key


def credential_id(value: str) -> str:
    """The same in every process, and impossible to reverse."""
    return hashlib.sha256(b"antiphon:" + value.encode()).hexdigest()[:12]
