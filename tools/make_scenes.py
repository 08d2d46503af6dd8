"""Makes docs/pictures/scenes/: ten scenes of the real bot against a Discord-shaped server, in two languages.

`python tools/make_scenes.py` needs Chromium. English is dark on a phone and light on a desktop, Russian the other way.
"""

import asyncio
import io
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from antiphon.names import deployment_of  # noqa: E402 - the path comes first
from antiphon.v1 import chat_pb2, common_pb2, image_pb2, models_pb2, tools_pb2  # noqa: E402 - the path comes first
from tests.e2e.room import Room, a_room, model  # noqa: E402
from tests.fakes.discord.model import File, Message, Revision  # noqa: E402
from tests.fakes.discord.people import Person  # noqa: E402
from tests.fakes.inference import ImageScript, delta, finished, started, used  # noqa: E402
from tests.fakes.searx import FakeSearx  # noqa: E402
from tests.service.test_unary import voice  # noqa: E402
from tools.scene_page import SEPARATOR, Frame, Shot, page, strip  # noqa: E402
from tools.scene_words import WORDS  # noqa: E402

PICTURES = ROOT / "docs" / "pictures" / "scenes"
COLOURS = 64
PIECE = 12  # characters of a delta
PAUSE = 0.03  # seconds between two of them


@dataclass
class Stage:
    """One language's run."""

    room: Room
    words: dict[str, str]
    anna: Person
    boris: Person

    def says(self, name: str, second: str = "") -> None:
        """What the model answers, and the second one in a comparison. A thread's title is asked for, too."""

        async def script(request: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
            titles = "Write a title" in str(request.messages[-1])
            text = self.words["title" if titles else second if request.model == "second" else name]
            async for response in typed(request.request_id, text):
                yield response

        self.room.script(script)

    async def whole(self, look: Callable[[], Message | None], label: str) -> Message:
        found: Message = await self.room.discord.wait_for(
            lambda: (one := look()) is not None and self.words[label] in one.buttons and one, timeout=120
        )
        return found


Scene = Callable[[Stage], Awaitable[list[Frame]]]


async def typed(request_id: str, text: str) -> AsyncIterator[chat_pb2.ChatResponse]:
    yield started(request_id, "groq/gpt-oss-120b")
    for start in range(0, len(text), PIECE):
        yield delta(text[start : start + PIECE])
        await asyncio.sleep(PAUSE)
    yield used(40, len(text) // 4)
    yield finished(len(text), "groq/gpt-oss-120b")


def painting(*, night: bool) -> bytes:
    """Hills under a sun or a moon."""
    sky, hill, light = (
        ((24, 30, 66), (30, 44, 52), (238, 238, 214)) if night else ((150, 196, 232), (86, 128, 80), (255, 214, 92))
    )
    image = Image.new("RGB", (480, 320), sky)
    draw = ImageDraw.Draw(image)
    draw.ellipse((330, 40, 400, 110), fill=light)
    for number, (left, top) in enumerate(((-80, 190), (140, 170), (330, 200), (40, 240))):
        shade = tuple(max(0, part - 14 * number) for part in hill)
        draw.ellipse((left, top, left + 330, top + 260), fill=shade)
    out = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(1.2)).save(out, "PNG")
    return out.getvalue()


def painted(*, night: bool) -> ImageScript:
    """A picture that takes its time."""
    data, place = painting(night=night), deployment_of("pollinations/flux")

    async def script(request: image_pb2.ImageRequest) -> AsyncIterator[image_pb2.ImageResponse]:
        begun = common_pb2.Started(request_id=request.request_id, deployment=place, attempt=1)
        yield image_pb2.ImageResponse(started=begun)
        for step in (0.1, 0.4, 0.7):
            progress = common_pb2.Progress(stage="generating", fraction=step)
            yield image_pb2.ImageResponse(progress=progress)
            await asyncio.sleep(2.5)
        header = image_pb2.ImageHeader(mime_type="image/png", width=480, height=320, seed=7342, total_bytes=len(data))
        yield image_pb2.ImageResponse(image=header)
        yield image_pb2.ImageResponse(chunk=data)
        yield image_pb2.ImageResponse(finished=image_pb2.ImageFinished(images=1, attempts=1, deployment=place))

    return script


def now(message: Message) -> Shot:
    return Shot(message, message.history[-1])


def moments(message: Message) -> tuple[Revision, Revision, Revision]:
    """The first look of a message, one on the way, and the last."""
    worded = [one for one in message.history if one.content and not one.content.startswith("-# ")]
    middle = worded[max(0, min(len(worded) // 2, len(worded) - 2))]
    return message.history[0], middle, message.history[-1]


def film(before: list[Shot], answer: Message) -> list[Frame]:
    first = answer.history[0].t
    return [Frame(f"{one.t - first:.1f} s", [*before, Shot(answer, one)]) for one in moments(answer)]


# --- the scenes -------------------------------------------------------------------------------


async def chat(stage: Stage) -> list[Frame]:
    stage.says("glaciers")
    room = stage.room
    asked = await stage.anna.slash(room.channel, "chat", prompt=stage.words["ask-glaciers"])
    thread = await room.thread()
    answer = await stage.whole(lambda: thread.from_bot[-1] if thread.from_bot else None, "regenerate")
    assert asked.response is not None
    return film([now(asked.response)], answer)


async def photo(stage: Stage) -> list[Frame]:
    stage.says("photo")
    room = stage.room
    sent = await stage.boris.say(
        room.channel, stage.words["look"], files=[File("hills.png", painting(night=False), "image/png")]
    )
    count = len(room.guild.threads)
    asked = await stage.anna.say(room.channel, f"{room.me} {stage.words['ask-photo']}", reply_to=sent)
    thread = await room.thread(count + 1)
    answer = await stage.whole(lambda: thread.from_bot[-1] if thread.from_bot else None, "regenerate")
    return film([now(sent), now(asked)], answer)


async def image(stage: Stage) -> list[Frame]:
    stage.room.service.on_image(painted(night=False))
    order = await stage.anna.slash(stage.room.channel, "image", prompt=stage.words["draw"])
    drawn = await stage.whole(lambda: order.response, "delete")
    stage.room.service.on_image(painted(night=True))
    asked = await stage.anna.say(stage.room.channel, stage.words["make-night"], reply_to=drawn)
    changed = await stage.whole(
        lambda: next((one for one in stage.room.channel.from_bot[::-1] if one.reference is asked), None), "delete"
    )
    return [
        Frame("1", [Shot(drawn, drawn.history[max(0, len(drawn.history) - 2)])]),
        Frame("2", [now(drawn)]),
        Frame("3", [now(asked), now(changed)]),
    ]


async def spoken(stage: Stage) -> list[Frame]:
    stage.says("harvest")
    stage.room.service.spoken = stage.words["spoken"]
    direct = stage.anna.direct()
    said = await stage.anna.speak(direct, voice())
    answer = await stage.whole(lambda: direct.from_bot[-1] if direct.from_bot else None, "regenerate")
    quote = direct.from_bot[0]
    shown = Shot(said, Revision(0, "▶ ▂▅▇▃▆▂▅ 0:04", [], (), [], 0))
    return [Frame("0 s", [shown]), Frame("1", [shown, now(quote)]), Frame("2", [shown, now(quote), now(answer)])]


def call(name: str, **arguments: str) -> chat_pb2.ChatResponse:
    return chat_pb2.ChatResponse(tool_call=tools_pb2.ToolCall(id="1", name=name, arguments=json.dumps(arguments)))


async def tools(stage: Stage) -> list[Frame]:
    calls = [
        call("search_web", query=stage.words["query"]),
        call("draw_picture", prompt=stage.words["draw"]),
    ]

    async def script(request: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
        if request.tools and calls:
            await asyncio.sleep(1)
            yield started(request.request_id)
            yield calls.pop(0)
            yield chat_pb2.ChatResponse(
                finished=chat_pb2.ChatFinished(reason=chat_pb2.FINISH_REASON_TOOL_CALLS, tool_calls=1)
            )
            return
        async for response in typed(request.request_id, stage.words["found"]):
            yield response

    stage.room.script(script)
    stage.room.service.on_image(painted(night=False))
    room, count = stage.room, len(stage.room.guild.threads)
    asked = await stage.anna.say(room.channel, f"{room.me} {stage.words['ask-web']}")
    thread = await room.thread(count + 1)
    waiting = await stage.whole(lambda: thread.from_bot[-1] if thread.from_bot else None, "allow")
    asks = now(waiting)
    await stage.anna.click(waiting, stage.words["allow"])
    await stage.whole(lambda: waiting, "regenerate")
    return [
        Frame("1", [now(asked), Shot(waiting, waiting.history[0])]),
        Frame("2", [now(asked), asks]),
        Frame("3", [now(asked), now(waiting)]),
    ]


async def compare(stage: Stage) -> list[Frame]:
    stage.says("tea-a", "tea-b")
    room, count = stage.room, len(stage.room.guild.threads)
    await stage.anna.slash(
        room.channel, "compare", prompt=stage.words["ask-tea"], **{"model-a": "chat", "model-b": "second"}
    )
    thread = await room.thread(count + 1)
    card: Message = await room.discord.wait_for(
        lambda: next((one for one in thread.from_bot if stage.words["equal"] in one.buttons), None), timeout=120
    )
    before = now(card)
    await stage.boris.click(card, "A: chat")
    await room.discord.wait_for(lambda: len(card.history) > 1)
    answers = [now(one) for one in thread.from_bot if one is not card]
    return [Frame("1", answers), Frame("2", [before]), Frame("3", [now(card)])]


async def catchup(stage: Stage) -> list[Frame]:
    stage.says("missed")
    room = stage.room
    said = [now(await stage.boris.say(room.channel, stage.words[f"said-{number}"])) for number in (1, 2, 3)]
    asked = await stage.anna.slash(room.channel, "catchup")
    told: Message = await room.discord.wait_for(
        lambda: asked.response and stage.words["friday"] in asked.response.content and asked.response, timeout=120
    )
    return [Frame("1", said), Frame("2", [now(told)])]


async def settings(stage: Stage) -> list[Frame]:
    owner = stage.room.guild.owner
    assert isinstance(owner, Person)
    owner.locale = stage.anna.locale
    frames = []
    card = await (await owner.slash(stage.room.channel, "settings")).answer()
    for name in ("answers", "tools", "limits"):
        await (await owner.click(card, f"settings:2:{name}:show")).acknowledged()
        frames.append(Frame("/settings", [now(card)]))
    return frames


async def own_data(stage: Stage) -> list[Frame]:
    frames = []
    for command in ("help", "privacy", "status"):
        card = await (await stage.anna.slash(stage.room.channel, command)).answer()
        frames.append(Frame(f"/{command}", [now(card)]))
    return frames


async def interrupted(stage: Stage) -> list[Frame]:
    """The last one: the process ends in the middle of an answer."""
    room, count = stage.room, len(stage.room.guild.threads)

    async def endless(request: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
        yield started(request.request_id)
        yield delta(stage.words["glaciers"][:220])
        await asyncio.Event().wait()

    room.script(endless)
    asked = await stage.anna.slash(room.channel, "chat", prompt=stage.words["ask-glaciers"])
    thread = await room.thread(count + 1)
    answer = await stage.whole(lambda: thread.from_bot[-1] if thread.from_bot else None, "stop")
    await room.discord.wait_for(lambda: len(answer.content) > 60)
    running = now(answer)
    assert room.bot is not None
    await room.bot.finish_answers()
    assert asked.response is not None
    late = await (await stage.boris.slash(room.channel, "usage")).answer()
    return [Frame("1", [now(asked.response), running]), Frame("2", [now(answer)]), Frame("3", [now(late)])]


SCENES: dict[str, Scene] = {
    "01-chat": chat, "02-photo": photo, "03-pictures": image, "04-voice": spoken, "05-tools": tools,
    "06-compare": compare, "07-catchup": catchup, "08-settings": settings, "09-own-data": own_data, "10-restart": interrupted,
}  # fmt: skip


# --- running and drawing ------------------------------------------------------------------------


async def record(language: str) -> dict[str, list[Frame]]:
    folder = Path(tempfile.mkdtemp())
    more = {"QUOTAS__USER_REQUESTS_PER_HOUR": "0"}
    async with FakeSearx() as searx, a_room(folder, TOOLS__SEARCH_URL=searx.url, **more) as room:
        words = WORDS[language]
        searx.results = [{"title": words["source"], "url": "https://example.org/ice", "content": words["source"]}]
        able = models_pb2.Capabilities(tools=True, vision=True, input_image=True)
        room.service.listed.models[0].CopyFrom(model("chat", capabilities=able))
        anna = await room.person(words["anna"], locale=words["locale"])
        boris = await room.person(words["boris"], locale=words["locale"])
        room.guild.locale = words["locale"]
        async with room.running():
            stage = Stage(room, words, anna, boris)
            for person in (anna, boris):
                await (await person.slash(room.channel, "help")).answer()  # Discord tells the language with a command
            return {name: await scene(stage) for name, scene in SCENES.items()}


async def screenshot(body: str, target: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or "chromium"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "page.html"
        source.write_text(body, encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}/b",
            "--window-size=2100,15000", f"--screenshot={target}", source.as_uri(),
            stderr=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        await process.wait()


def cut(whole: Image.Image) -> list[Image.Image]:
    """The strips between the separators, each as wide as its own background."""
    column = [whole.getpixel((0, y)) == SEPARATOR for y in range(whole.height)]
    strips, top = [], 0
    for y in range(1, whole.height):
        if column[y] and not column[y - 1]:
            row = [whole.getpixel((x, top + 3)) for x in range(whole.width)]
            width = next((x for x in range(whole.width) if row[x] != row[0]), whole.width)
            strips.append(whole.crop((0, top, width, y)))
        if column[y - 1] and not column[y]:
            top = y
    return strips


def joined(upper: Image.Image, lower: Image.Image) -> Image.Image:
    canvas = Image.new("RGB", (max(upper.width, lower.width), upper.height + lower.height), upper.getpixel((0, 0)))
    canvas.paste(lower.getpixel((0, 0)), (0, upper.height, canvas.width, canvas.height))
    canvas.paste(upper, (0, 0))
    canvas.paste(lower, (0, upper.height))
    return canvas.quantize(COLOURS, dither=Image.Dither.NONE)


async def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    for language, themes in (("en", ("dark", "light")), ("ru", ("light", "dark"))):
        scenes = await record(language)
        strips = []
        for frames in scenes.values():
            strips += [strip(frames, themes[0], "phone"), strip(frames[-1:], themes[1], "desktop")]
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "all.png"
            await screenshot(page(strips), target)
            with Image.open(target) as picture:
                cuts = cut(picture.convert("RGB"))
        for number, name in enumerate(scenes):
            joined(*cuts[2 * number : 2 * number + 2]).save(PICTURES / f"{name}-{language}.png", optimize=True)


if __name__ == "__main__":
    asyncio.run(main())
