"""Every kind of provider, and how a configured one is built: by an adapter if its wire format differs, else from its row."""

import difflib
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from antiphon.config.model import Config, ModelConfig, ProviderConfig
from inference_service.domain import Capabilities
from inference_service.pictures.fetch import PictureFetcher
from inference_service.providers.aihorde import AIHorde
from inference_service.providers.azure import Azure
from inference_service.providers.catalogue import load
from inference_service.providers.catalogue.row import Row
from inference_service.providers.cloudflare import Cloudflare
from inference_service.providers.cohere import Cohere
from inference_service.providers.deepinfra import DeepInfra
from inference_service.providers.embedded.provider import Embedded
from inference_service.providers.github import GitHub
from inference_service.providers.gradio.flux import FluxDev, FluxSchnell
from inference_service.providers.gradio.janus import Janus
from inference_service.providers.gradio.space import Space
from inference_service.providers.huggingface import HuggingFace
from inference_service.providers.kit.http import HttpClient
from inference_service.providers.mistral import Mistral
from inference_service.providers.openai.provider import OpenAI, declared
from inference_service.providers.pictures import hosts
from inference_service.providers.pollinations import Pollinations
from inference_service.providers.seam import Declaration, Provider, Settings
from inference_service.settings import FIELDS

# Adapters that do more than a row can say. Every other catalogue row is served by `OpenAI`.
KINDS: Mapping[str, type[Any]] = {
    "github": GitHub,
    "azure": Azure,
    "openai": OpenAI,
    "mistral": Mistral,
    "deepinfra": DeepInfra,
    "huggingface": HuggingFace,
    "cloudflare": Cloudflare,
    "pollinations": Pollinations,
    "aihorde": AIHorde,
    "cohere-native": Cohere,
    "space": Space,
    "janus": Janus,
    "flux-dev": FluxDev,
    "flux-schnell": FluxSchnell,
    "embedded": Embedded,
}
PRESETS = {"plain": "compatible"}  # former names of rows


def known_kinds(rows: Mapping[str, Row]) -> dict[str, None]:
    return dict.fromkeys((*KINDS, *rows))


def declaration_of(kind: str, rows: Mapping[str, Row]) -> Declaration:
    """What a kind is, without building one."""
    own = KINDS[kind].declaration if kind in KINDS else Declaration(kind, rows[kind].title, "")
    return declared(own, rows[kind], discovers=True) if kind in rows else cast("Declaration", own)


def build_provider(
    name: str, table: ProviderConfig, config: Config, rows: Mapping[str, Row] | None = None, base_url: str = ""
) -> Provider:
    """The provider of one table `[providers.<name>]`. Raises ValueError with what is wrong in it.

    base_url: an address from the environment; the configuration overrides it.
    """
    rows = load.shipped() if rows is None else rows
    kind = table.kind or name
    if kind not in known_kinds(rows):
        near = difflib.get_close_matches(kind, known_kinds(rows), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "docs/providers.md lists the kinds"
        raise ValueError(f"kind: {kind!r} is not known; {hint}")
    declaration = declaration_of(kind, rows)
    address = (table.base_url or base_url or declaration.base_url).rstrip("/")
    if not address and kind != "embedded":
        raise ValueError("base_url: this kind has no address of its own, so it must be set")
    options = dict(table.options)
    if kind == "embedded":
        options = {**config.embedded.model_dump(), **options}
    if kind in hosts.NAMES and KINDS.get(kind, OpenAI) is OpenAI:
        options = {"image_api": kind, **options}
    row = _row(kind, options, rows, own_address=address == declaration.base_url)
    settings = Settings(
        name=name,
        base_url=address,
        headers=table.headers,
        proxy=table.proxy,
        models=tuple(table.models),
        aliases={**_aliases(declaration.model_aliases, table), **table.aliases},
        capabilities={
            model: corrected(_declared(declaration, row, model), about) for model, about in table.model.items()
        },
        options=options,
        provider_options={
            "*": table.provider_options,
            **{model: about.provider_options for model, about in table.model.items()},
        },
        verify_tls=table.verify_tls,
        connect_timeout=table.connect_timeout,
    )
    http = HttpClient(settings, PictureFetcher(config.images))
    adapter = KINDS.get(kind, OpenAI)
    if not issubclass(adapter, OpenAI):
        return cast("Provider", adapter(settings, http))
    return cast("Provider", adapter(settings, http, row, kind))


def _row(kind: str, options: Mapping[str, object], rows: Mapping[str, Row], *, own_address: bool) -> Row | None:
    """The row that defines how requests are written and refusals are read. Raises ValueError."""
    preset = options.get("preset")
    if isinstance(preset, str) and preset:
        preset = PRESETS.get(preset, preset)
        if preset not in rows:
            raise ValueError(
                f"options.preset is {preset!r}; allowed are the names of rows: docs/providers.md lists them"
            )
        if kind == "openai":
            return rows[preset]
    if kind == "openai" and not own_address:
        # Another server that speaks the same API, or a proxy: the usual models, and none of OpenAI's peculiarities.
        return msgspec.structs.replace(rows["openai"], wire=rows["compatible"].wire)
    return rows.get(kind)


def _aliases(declared: Mapping[str, str], table: ProviderConfig) -> dict[str, str]:
    """The built-in public names, except for models that the operator has left out."""
    return {alias: model for alias, model in declared.items() if not table.models or model in table.models}


def _declared(declaration: Declaration, row: Row | None, model: str) -> Capabilities:
    facts = declaration.capabilities.get(model) or (row.can(model) if row else declaration.capabilities.get("*"))
    return facts or Capabilities(chat=True, streaming=True)


def corrected(facts: Capabilities, about: ModelConfig) -> Capabilities:
    """What the declaration says about a model, with the operator's corrections."""
    if unknown := set(about.drop_settings) - FIELDS:
        raise ValueError(f"drop_settings: unknown {', '.join(sorted(unknown))}; allowed: {', '.join(sorted(FIELDS))}")
    changes = about.model_dump(exclude_none=True, exclude={"drop_settings", "provider_options"})
    settings = facts.settings - set(about.drop_settings)
    return msgspec.structs.replace(facts, settings=settings, unknown=facts.unknown - set(changes), **changes)
