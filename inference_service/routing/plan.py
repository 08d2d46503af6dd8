"""From a model's name to the deployments that may answer, in order. Pure."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from antiphon.config.model import Hedge, ImageTimeouts, Timeouts
from inference_service import settings
from inference_service.domain import (
    Capabilities,
    ChatRequest,
    ImageRequest,
    Notice,
    NoticeKind,
    OnInterruption,
    Task,
)
from inference_service.failures import Outcome, RequestFailure
from inference_service.providers.seam import Provider
from inference_service.routing.learned import Learned
from inference_service.routing.watch import Bounds

R = TypeVar("R", ChatRequest, ImageRequest)
# Deployments that callers named and no configuration did; bounded, because callers can invent any name.
MOST_ON_THE_FLY = 1_000


class Deployment(Struct, frozen=True, eq=False):
    name: str  # "provider/upstream-model"
    provider: Provider
    model: str

    @property
    def capabilities(self) -> Capabilities:
        return self.provider.capabilities(self.model)

    def bounds(self, usual: Bounds, total: float) -> Bounds:
        """The time limits of one call that has `total` seconds left. The provider's own patience extends what is not configured."""
        patience = self.provider.declaration.patience
        return msgspec.structs.replace(
            usual,
            headers=usual.headers if "headers" in usual.fixed else max(usual.headers, patience.headers),
            first=usual.first if "first" in usual.fixed else max(usual.first, patience.first_token),
            idle=usual.idle if "idle" in usual.fixed else max(usual.idle, patience.idle),
            total=min(usual.total, total),
        )


class Route(Struct, frozen=True):
    """A model's deployments and its policies."""

    model: str
    deployments: tuple[str, ...]
    on_interruption: OnInterruption = OnInterruption.CONTINUE
    continue_by_instruction: frozenset[str] = frozenset()
    timeouts: Timeouts = Timeouts()
    image_timeouts: ImageTimeouts = ImageTimeouts()
    hedge: Hedge | None = None
    aliases: tuple[str, ...] = ()
    equal: bool = False  # any deployment is as good as the first


class Plan:
    """Every route and deployment of one configuration."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        deployments: Iterable[Deployment],
        routes: Sequence[Route],
        timeouts: Timeouts,
        image_timeouts: ImageTimeouts,
    ) -> None:
        self.providers = dict(providers)
        self.deployments = {deployment.name: deployment for deployment in deployments}
        self.routes = list(routes)
        self._timeouts, self._image_timeouts = timeouts, image_timeouts
        self._by_name = {name: route for route in routes for name in (*route.aliases, route.model)}
        self._singles: dict[str, Route] = {}  # for models that no route names, as long as the deployments stay the same
        self._singles_of = 0
        self._on_the_fly = 0

    def route(self, model: str) -> Route:
        """The route that a request's `model` names. Raises RequestFailure(UNKNOWN_MODEL) with the nearest names."""
        if self._singles_of != len(self.deployments):  # a list has taught new names
            self._singles, self._singles_of = {}, len(self.deployments)
        route = self._by_name.get(model) or self._singles.get(model)
        if route is None:
            route = self._singles[model] = self._find(model)
        return route

    def replace(self, routes: Sequence[Route]) -> None:
        """Puts other routes into effect; running requests keep theirs."""
        self.routes = list(routes)
        self._by_name = {name: route for route in routes for name in (*route.aliases, route.model)}
        self._singles = {}

    def knows(self, model: str) -> bool:
        """Whether a configuration or a list has named this model."""
        return model in self._by_name or model in self.deployments

    def _find(self, model: str) -> Route:
        same = tuple(
            name
            for name, deployment in self.deployments.items()
            if model in (deployment.model, deployment.model.rpartition("/")[2])
        )
        if same:
            return self._single(model, same)
        provider_name, _, upstream = model.partition("/")
        if model in self.deployments or (provider_name in self.providers and self._add(provider_name, upstream)):
            return self._single(model, (model,))
        names = [*self._by_name, *self.deployments]
        near = tuple(difflib.get_close_matches(model, names, n=3, cutoff=0.5))
        hint = f"; the nearest are {', '.join(near)}" if near else f"; known are {', '.join(list(self._by_name)[:8])}"
        raise RequestFailure(Outcome.UNKNOWN_MODEL, f"there is no model {model[:100]!r}{hint}", field="model")

    def _single(self, model: str, deployments: tuple[str, ...]) -> Route:
        return Route(model, deployments, timeouts=self._timeouts, image_timeouts=self._image_timeouts)

    def _add(self, provider_name: str, upstream: str) -> bool:
        """A deployment that nothing has named before: a caller may name any model of a provider."""
        provider = self.providers[provider_name]
        can = provider.capabilities(upstream) if upstream else Capabilities()
        if not any(map(can.can, Task)) or self._on_the_fly >= MOST_ON_THE_FLY:
            return False
        self._on_the_fly += 1
        name = f"{provider_name}/{upstream}"
        self.deployments[name] = Deployment(name, provider, upstream)
        return True

    def chat(self, request: ChatRequest, learned: Learned, now: float) -> tuple[Route, list[Deployment]]:
        """The deployments that may answer, in order. Raises RequestFailure(UNKNOWN_MODEL or UNSUPPORTED)."""
        route = self.route(request.model)
        able = self._able(route, Task.CHAT, "model")
        if request.has_images:
            able = self._capable(able, "vision", learned, now)
            if not able:
                raise RequestFailure(
                    Outcome.UNSUPPORTED,
                    f"no deployment of {route.model!r} accepts pictures; try the model 'vision'",
                    field="messages",
                )
            able = few_enough(able, sum(len(message.images) for message in request.messages))
        if request.uses_tools:
            able = self._capable(able, "tools", learned, now)
            if not able:
                raise RequestFailure(
                    Outcome.UNSUPPORTED, f"no deployment of {route.model!r} calls tools", field="tools"
                )
        if request.has_audio:
            able = self._capable(able, "audio", learned, now)
            if not able:
                text = f"no deployment of {route.model!r} accepts recordings; Transcribe turns them into text"
                raise RequestFailure(Outcome.UNSUPPORTED, text, field="messages")
        if request.strict:
            able = strictly(able, wanted_settings(request), learned, now)
        return route, able

    @staticmethod
    def _capable(able: list[Deployment], capability: str, learned: Learned, now: float) -> list[Deployment]:
        """Those with the capability, followed by those for which it is unknown."""
        willing = [deployment for deployment in able if not learned.denied(deployment.name, capability, now)]
        capable = [deployment for deployment in willing if getattr(deployment.capabilities, capability)]
        return capable + [deployment for deployment in willing if capability in deployment.capabilities.unknown]

    def image(self, request: ImageRequest, learned: Learned, now: float) -> tuple[Route, list[Deployment]]:
        """The deployments that may draw, in order. Raises RequestFailure(UNKNOWN_MODEL or UNSUPPORTED)."""
        route = self.route(request.model)
        able = self._able(route, Task.IMAGE, "model")
        if request.input_image is not None:
            able = [
                deployment
                for deployment in able
                if deployment.capabilities.input_image and not learned.denied(deployment.name, "input_image", now)
            ]
            if not able:
                raise RequestFailure(
                    Outcome.UNSUPPORTED,
                    f"no deployment of {route.model!r} can start from a picture",
                    field="input_image",
                )
        if request.strict:
            able = strictly(able, wanted_settings(request), learned, now)
        return route, able

    def unary(self, model: str, task: Task, learned: Learned, now: float) -> tuple[Route, list[Deployment]]:
        """The deployments that may embed or transcribe, in order. Raises RequestFailure(UNKNOWN_MODEL or UNSUPPORTED)."""
        route = self.route(model)
        able = self._able(route, task, "model")
        return route, [
            deployment for deployment in able if not learned.denied(deployment.name, task.value, now)
        ] or able

    def _able(self, route: Route, task: Task, field: str) -> list[Deployment]:
        able = [
            deployment for name in route.deployments if (deployment := self.deployments[name]).capabilities.can(task)
        ]
        if not able:
            does = "draw" if task is Task.IMAGE else task.value
            text = f"the model {route.model!r} does not {does}; try {task.value!r}"
            raise RequestFailure(Outcome.UNSUPPORTED, text, field=field)
        return able


def wanted_settings(request: Any) -> frozenset[str]:
    """The dotted fields of the settings that the caller has set and that may be dropped."""
    if isinstance(request, ChatRequest):
        return settings.wanted(request.sampling)
    return settings.wanted_of_image(request) if isinstance(request, ImageRequest) else frozenset()


def few_enough(able: list[Deployment], images: int) -> list[Deployment]:
    """Only deployments that accept this many pictures per request. Raises RequestFailure(UNSUPPORTED) with the largest number."""
    limits = [deployment.capabilities.max_images for deployment in able]
    willing = [deployment for deployment, most in zip(able, limits, strict=True) if not most or images <= most]
    if willing or not able:
        return willing
    text = f"the request has {images} pictures; at most {max(limits)} are accepted"
    raise RequestFailure(Outcome.UNSUPPORTED, text, field="messages")


def strictly(able: list[Deployment], wanted: frozenset[str], learned: Learned, now: float) -> list[Deployment]:
    """Only deployments that honour every setting. Raises RequestFailure(UNSUPPORTED), naming one that none honours."""
    willing = [
        deployment
        for deployment in able
        if wanted <= deployment.capabilities.settings - learned.refused_fields(deployment.name, now)
    ]
    if willing or not able:
        return willing
    missing = sorted(wanted - frozenset().union(*(candidate.capabilities.settings for candidate in able))) or sorted(
        wanted - able[0].capabilities.settings
    )
    raise RequestFailure(Outcome.UNSUPPORTED, f"no deployment honours {', '.join(missing)}", field=missing[0])


def without_unsupported(request: R, can: Capabilities, refused: frozenset[str] = frozenset()) -> tuple[R, list[Notice]]:
    """The request without what this deployment does not honour or has `refused`, and a notice for each."""
    wanted = wanted_settings(request)
    honoured = can.settings - refused if refused else can.settings
    if wanted <= honoured:
        return request, []
    dropped = sorted(wanted - honoured)
    notices = [
        Notice(NoticeKind.DROPPED, field, f"This deployment does not honour {field}; it had no effect.")
        for field in dropped
    ]
    if isinstance(request, ChatRequest):
        return msgspec.structs.replace(request, sampling=request.sampling.without(dropped)), notices
    changes: dict[str, Any] = {field: settings.unset(field) for field in dropped}
    return msgspec.structs.replace(request, **changes), notices


def fit_size(request: ImageRequest, can: Capabilities) -> tuple[tuple[int, int] | None, list[Notice]]:
    """The nearest size that the deployment allows; a notice if it is not the requested one."""
    if request.size is None and request.aspect_ratio is None:
        return None, []
    largest = can.max_side or 1024
    if request.size is not None:
        wanted, field = request.size, "size"
    else:
        horizontal, vertical = request.aspect_ratio or (1, 1)
        # As many pixels as a square of 1,024, or of the largest side if that is less.
        area = min(largest, 1024) ** 2
        height = (area * vertical / horizontal) ** 0.5
        wanted, field = (round(height * horizontal / vertical), round(height)), "aspect_ratio"
    chosen = _nearest(wanted, can, largest)
    if request.size is not None and chosen != request.size:
        text = f"This deployment does not draw {request.size[0]}x{request.size[1]}; {chosen[0]}x{chosen[1]} was used."
        return chosen, [Notice(NoticeKind.CHANGED, field, text)]
    return chosen, []


def _nearest(wanted: tuple[int, int], can: Capabilities, largest: int) -> tuple[int, int]:
    width, height = wanted
    if can.sizes:
        # Proportion first: a stretched picture is worse than a smaller one.
        return min(
            can.sizes,
            key=lambda size: (abs(size[0] / size[1] - width / height) * 4, abs(size[0] * size[1] - width * height)),
        )
    limit = can.max_side or max(width, height, largest)
    scale = min(1.0, limit / max(width, height))
    sides = (max(can.min_side, min(limit, round(side * scale / can.size_step) * can.size_step)) for side in wanted)
    first, second = sides
    return first, second
