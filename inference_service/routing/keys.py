"""Which providers are present: configured ones, and every row whose key is in the environment.

A key is used only by the provider that its variable is named for; a key under a wrong name is reported, never tried.
"""

import re
from collections.abc import Mapping

from antiphon.config.keys import is_environment_name
from antiphon.config.model import Config, ProviderConfig
from antiphon.config.secrets import Secret, SecretProblem, find_secrets
from inference_service.providers.catalogue.row import Row
from inference_service.providers.catalogue.shapes import provider_of_key
from inference_service.providers.registry import declaration_of, known_kinds

ASKED_FOR = frozenset({"local", "retired"})  # tiers that only a table in the configuration enables
SECOND_DOORS = frozenset({"cohere-native"})  # another API of a provider, which would otherwise use its key twice
_LIKE_A_KEY = re.compile(r"[A-Z][A-Z0-9_]*(KEY|TOKEN|SECRET)\d*", re.IGNORECASE)
_NOT_PROVIDERS = frozenset({"DISCORD_TOKEN", "ANTIPHON_TOKEN"})


def tables(config: Config, environ: Mapping[str, str], rows: Mapping[str, Row]) -> dict[str, ProviderConfig]:
    """Configured providers, and every kind whose credentials are in the environment."""
    tables = {name: table for name, table in config.providers.items() if table.enabled}
    for kind in known_kinds(rows):
        declaration = declaration_of(kind, rows)
        if kind in {*config.providers, *SECOND_DOORS, "embedded"} or not declaration.credentials:
            continue
        row = rows.get(kind)
        if row is not None and row.tier in ASKED_FOR:
            continue
        if not (declaration.base_url or (row and base_url_of(row, environ))):
            continue
        try:
            present = bool(find_secrets(declaration.credentials, environ))
        except SecretProblem:
            present = True  # so that the problem is reported when the provider is built
        if present and (row is not None or declaration.default_models):
            tables[kind] = ProviderConfig()
    if not tables and "embedded" not in config.providers:
        tables["embedded"] = ProviderConfig()
    return tables


def base_url_of(row: Row, environ: Mapping[str, str]) -> str:
    """The address in the provider's own variables; its key belongs to that server."""
    return next((value.strip() for name in row.base_url_env if (value := environ.get(name, "")).strip()), "")


def credentials(
    names: list[str], environ: Mapping[str, str], kind: str, rows: Mapping[str, Row], *, own_address: bool
) -> tuple[list[Secret], list[str]]:
    """The secrets of a pool, and sentences about those that belong elsewhere. Raises SecretProblem; shows no value.

    own_address: the provider's official address; with any other address, the operator knows which key belongs there.
    """
    row = rows.get(kind)
    for name in names:
        if not is_environment_name(name):
            example = row.env[0] if row and row.env else "EXAMPLE_API_KEY"
            raise SecretProblem(
                "credentials_env: holds a key instead of the name of a variable: put the key into a variable such as "
                f"{example} and name that"
            )
    good, warnings = [], []
    for secret in find_secrets(names, environ):
        looks = provider_of_key(secret.value, rows)
        usual = row is not None and secret.name.rstrip("0123456789") in row.env
        if own_address and usual and looks is not None and looks != kind:
            right = rows[looks]
            warnings.append(f"{secret.name} looks like {a(right.title)} key and is not used: name it {right.env[0]}.")
        else:
            good.append(secret)
    return good, warnings


def with_account(secret: Secret, row: Row, environ: Mapping[str, str]) -> Secret | None:
    """A token together with its account, as `account:token`; None if the account is unknown."""
    if ":" in secret.value or not row.account_env:
        return secret
    number = re.search(r"\d*$", secret.name)
    suffixes = dict.fromkeys((number[0] if number else "", ""))
    for suffix in suffixes:
        for name in row.account_env:
            if account := environ.get(name + suffix, "").strip():
                return Secret(secret.name, f"{account}:{secret.value}")
    return None


def misplaced(config: Config, environ: Mapping[str, str], rows: Mapping[str, Row]) -> list[str]:
    """Sentences about keys under names that no provider reads."""
    expected = {name for kind in known_kinds(rows) for name in declaration_of(kind, rows).credentials}
    expected |= {name for table in config.providers.values() for name in table.credentials_env or ()}
    expected |= {caller.token_env for caller in config.service.callers.values() if caller.token_env} | _NOT_PROVIDERS
    said = []
    for name, value in environ.items():
        base = name.removesuffix("_FILE").rstrip("0123456789")
        if base in expected or not _LIKE_A_KEY.fullmatch(name):
            continue
        kind = provider_of_key(value.strip(), rows)
        if kind is None:
            continue
        row = rows[kind]
        if row.tier == "retired":
            said.append(f"{name} looks like a key of {row.title}, which is {row.about.limits.removeprefix('none: ')}.")
        else:
            said.append(f"{name} looks like {a(row.title)} key: name it {row.env[0]}.")
    return said


def a(title: str) -> str:
    """The title with its article."""
    return f"{'an' if title[:1] in 'AEIO' else 'a'} {title}"
