"""The offline demo: no key, no network. Every answer and every picture says that it is a demo.

There is no upstream and no wire format. Rates come from `[embedded]`: characters per second, seconds per picture.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import ClassVar

from inference_service.domain import (
    Capabilities,
    ChatEvent,
    Delta,
    Finish,
    FinishReason,
    ImageEvent,
    Picture,
    Preview,
    Progress,
    Usage,
)
from inference_service.providers.embedded.painter import paint, seed_from
from inference_service.providers.kit.http import HttpClient
from inference_service.providers.seam import ChatCall, Declaration, ImageCall, LimitReport, ModelInfo, Settings

CHAT_MODEL, IMAGE_MODEL = "demo", "demo-painter"
STEPS = 4
_CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)
_WORD = re.compile(r"\S+\s*")

ENGLISH = (
    "I am Antiphon's **offline demo voice**: no model is behind me, so I cannot think about what you wrote. "
    "{about} Everything else is real: this text is streamed, counted and continued as any answer would be.\n\n"
    "To talk to a real model, set one of these and start again; each key is free:\n"
    "- `GROQ_API_KEY` for Groq\n- `GEMINI_API_KEY` for Google Gemini\n- `MISTRAL_API_KEY` for Mistral\n"
    "- `OPENROUTER_API_KEY` for OpenRouter\n- `HF_TOKEN` for Hugging Face\n\n"
    "docs/free-keys.md says where to get them. Then `antiphon check` shows what works."
)
RUSSIAN = (
    "Я — **автономный демонстрационный голос** Antiphon: за мной нет модели, и подумать над вашим сообщением я не могу. "
    "{about} Всё остальное настоящее: этот текст передаётся потоком, считается и продолжается, как любой ответ.\n\n"
    "Чтобы говорить с настоящей моделью, задайте одну из переменных и запустите снова; все ключи бесплатны:\n"
    "- `GROQ_API_KEY` — Groq\n- `GEMINI_API_KEY` — Google Gemini\n- `MISTRAL_API_KEY` — Mistral\n"
    "- `OPENROUTER_API_KEY` — OpenRouter\n- `HF_TOKEN` — Hugging Face\n\n"
    "Где их получить, написано в docs/free-keys.md. Потом `antiphon check` покажет, что работает."
)


class Embedded:
    declaration: ClassVar[Declaration] = Declaration(
        kind="embedded",
        title="Embedded demo voice",
        base_url="",
        needs_credential=False,
        default_models=(CHAT_MODEL, IMAGE_MODEL),
        capabilities={
            CHAT_MODEL: Capabilities(
                chat=True,
                vision=True,
                streaming=True,
                settings=frozenset({"sampling.max_tokens"}),
                context_tokens=32_000,
            ),
            IMAGE_MODEL: Capabilities(
                image=True,
                settings=frozenset({"size", "aspect_ratio", "seed"}),
                size_step=2,
                min_side=64,
                max_side=2048,
                input_image=True,
            ),
            "*": Capabilities(),
        },
        sources=("none: it is part of the service",),
    )

    def __init__(self, settings: Settings, http: HttpClient) -> None:
        self.settings = settings
        self._http = http
        self._rate = float(str(settings.options.get("characters_per_second", 180.0)))
        self._seconds = float(str(settings.options.get("image_seconds", 2.0)))

    def capabilities(self, model: str) -> Capabilities:
        return self.declaration.capabilities.get(model, self.declaration.capabilities["*"])

    async def chat(self, call: ChatCall) -> AsyncIterator[ChatEvent | LimitReport]:
        words = _WORD.findall(answer(call))
        limit = call.request.sampling.get("max_tokens")
        said = words[:limit] if limit else words
        if self._rate:
            for word in said:
                await asyncio.sleep(len(word) / self._rate)
                yield Delta(word)
        else:
            yield Delta("".join(said))
        prompt_tokens = sum(len(message.text.split()) for message in call.request.messages)
        yield Usage(prompt_tokens=prompt_tokens, completion_tokens=len(said))
        yield Finish(FinishReason.LENGTH if len(said) < len(words) else FinishReason.STOP)

    async def image(self, call: ImageCall) -> AsyncIterator[ImageEvent | LimitReport]:
        seed = call.request.seed if call.request.seed is not None else seed_from(call.request.prompt, call.first_index)
        size = call.size or (1024, 1024)
        picture = call.request.input_image
        beginning = picture.data if picture is not None else None
        for step in range(STEPS):
            left = self._seconds * (STEPS - step) / STEPS
            yield Progress("painting", fraction=step / STEPS, eta=left)
            await asyncio.sleep(self._seconds / STEPS)
            small = _within(size, 256)
            done = (step + 1) / (STEPS + 1)
            preview = await asyncio.to_thread(paint, call.request.prompt, seed, small, done, beginning)
            yield Preview(call.first_index, "image/png", preview)
        data = await asyncio.to_thread(paint, call.request.prompt, seed, size, 1.0, beginning)
        yield Picture(call.first_index, data, seed)
        yield Usage(images=1)
        yield Finish(FinishReason.STOP)

    async def models(self, secret: str | None) -> Sequence[ModelInfo]:  # noqa: ARG002 - it has none
        return [ModelInfo(name, self.capabilities(name)) for name in self.declaration.default_models]

    async def close(self) -> None:
        await self._http.close()


def answer(call: ChatCall) -> str:
    last = call.request.messages[-1]
    question = " ".join(last.text.split())
    russian = bool(_CYRILLIC.search(question))
    return (RUSSIAN if russian else ENGLISH).format(about=" ".join(_about(question, len(last.images), russian=russian)))


def _about(question: str, images: int, *, russian: bool) -> Iterator[str]:
    if question:
        shown = question if len(question) <= 200 else question[:199] + "…"
        yield f"Вы написали: «{shown}»." if russian else f"You wrote: “{shown}”."
    if images:
        yield f"Картинок получено: {images}." if russian else f"Pictures received: {images}."


def _within(size: tuple[int, int], side: int) -> tuple[int, int]:
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
