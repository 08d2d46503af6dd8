"""Every kind of provider, one line each, and how a configured one is made."""

from collections.abc import Mapping

import msgspec

from antiphon.config.model import Config, ModelConfig, ProviderConfig
from inference_service.domain import Capabilities
from inference_service.pictures.fetch import PictureFetcher
from inference_service.providers.aihorde import AIHorde
from inference_service.providers.azure import Azure
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
from inference_service.providers.openai.provider import OpenAI
from inference_service.providers.pollinations import Pollinations
from inference_service.providers.seam import Provider, Settings
from inference_service.settings import FIELDS

KINDS: Mapping[str, type[Provider]] = {
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


def build_provider(name: str, given: ProviderConfig, config: Config) -> Provider:
    """The provider of one table `[providers.<name>]`. Raises ValueError with what is wrong in it."""
    kind = given.kind or name
    if kind not in KINDS:
        raise ValueError(f"kind: {kind!r} is not known; allowed: {', '.join(KINDS)}")
    declaration = KINDS[kind].declaration
    base_url = (given.base_url or declaration.base_url).rstrip("/")
    if not base_url and kind != "embedded":
        raise ValueError("base_url: this kind has no address of its own, so it must be set")
    options = dict(given.options)
    if kind == "embedded":
        options = {**config.embedded.model_dump(), **options}
    settings = Settings(
        name=name,
        base_url=base_url,
        headers=given.headers,
        proxy=given.proxy,
        models=tuple(given.models),
        aliases={**_aliases(declaration.model_aliases, given), **given.aliases},
        capabilities={
            model: corrected(_declared(declaration.capabilities, model), about) for model, about in given.model.items()
        },
        options=options,
        verify_tls=given.verify_tls,
        connect_timeout=given.connect_timeout,
    )
    return KINDS[kind](settings, HttpClient(settings, PictureFetcher(config.images)))  # type: ignore[call-arg] # a protocol has no constructor


def _aliases(declared: Mapping[str, str], given: ProviderConfig) -> dict[str, str]:
    """The mission's names, but not for models that the operator has left out."""
    return {alias: model for alias, model in declared.items() if not given.models or model in given.models}


def _declared(capabilities: Mapping[str, Capabilities], model: str) -> Capabilities:
    return capabilities.get(model) or capabilities["*"]


def corrected(known: Capabilities, about: ModelConfig) -> Capabilities:
    """What the declaration says about a model, with the operator's corrections."""
    if unknown := set(about.drop_settings) - FIELDS:
        raise ValueError(f"drop_settings: unknown {', '.join(sorted(unknown))}; allowed: {', '.join(sorted(FIELDS))}")
    changes = about.model_dump(exclude_none=True, exclude={"drop_settings"})
    settings = known.settings - set(about.drop_settings)
    return msgspec.structs.replace(known, settings=settings, **changes)
