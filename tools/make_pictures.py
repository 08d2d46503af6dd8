"""Makes the pictures of the README from a real run: a Discord-shaped server, the real bot, the real service.

`python tools/make_pictures.py` needs Chromium; the pictures go to docs/pictures/.
"""

import asyncio
import base64
import html
import itertools
import re
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageChops

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.e2e.conftest import environment  # noqa: E402 - the path comes first
from tests.fakes.discord.model import Revision  # noqa: E402
from tests.fakes.discord.server import FakeDiscord  # noqa: E402
from tests.fakes.upstream.server import FakeUpstream  # noqa: E402
from tests.support.processes import running  # noqa: E402

MOST_FRAMES, LAST_FRAME = 14, 4.0  # of the animated picture; seconds that its last frame stays
PICTURES = ROOT / "docs" / "pictures"
ANSWER = """\
Glaciers move in two ways at once:

1. **They creep.** Under its own weight ice is not quite solid; its crystals slide past each other, layer over layer.
2. **They slide.** Where the ground is wet, the whole mass slips over it.

In summer, meltwater finds its way below, lifts the ice a little, and everything hurries. A rule of thumb:

```python
def speed(thickness_m: float, slope: float) -> float:
    return 2e-8 * (slope ** 3) * thickness_m ** 4  # metres a year
```

So a glacier that is twice as thick creeps *sixteen times* as fast."""

STYLE = """
body{margin:0;background:#1a1a1e;color:#dfe0e2;font:15px/1.4 'gg sans','Noto Sans','DejaVu Sans',sans-serif;display:flex;gap:18px;padding:18px;width:max-content}
.frame{width:430px;background:#222327;border:1px solid #33343a;border-radius:10px;padding:12px 14px;box-sizing:border-box}
.cap{color:#949ba4;font-size:12px;margin-bottom:8px}.m{display:flex;gap:10px;margin:8px 0}.a{width:34px;height:34px;border-radius:50%;flex:none;background:#5865f2;color:#fff;display:grid;place-items:center;font-weight:600}
.p .a{background:#3ba55d}.n{font-weight:600;color:#fff;font-size:14px}.tag{background:#5865f2;color:#fff;font-size:10px;border-radius:3px;padding:1px 4px;margin-left:5px}
.sub{color:#949ba4;font-size:12px}pre{background:#2b2d31;border:1px solid #1e1f22;border-radius:5px;padding:8px;font:12px/1.35 'DejaVu Sans Mono',monospace;white-space:pre-wrap;margin:4px 0}
.b{display:inline-block;background:#4e5058;color:#fff;border-radius:6px;padding:5px 12px;margin:6px 6px 0 0;font-size:13px}.b.red{background:#da373c}img{max-width:100%;border-radius:8px;margin-top:6px}
"""


def rich(text: str) -> str:
    """Discord's Markdown, as far as the pictures need it."""
    parts = re.split(r"```\w*\n(.*?)```", text, flags=re.DOTALL)
    fragments = []
    for number, part in enumerate(parts):
        safe = html.escape(part.strip("\n"))
        if number % 2:
            fragments.append(f"<pre>{safe}</pre>")
            continue
        safe = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", safe)
        safe = re.sub(r"\*(.+?)\*", r"<i>\1</i>", safe)
        safe = re.sub(r"^-# (.*)$", r"<span class=sub>\1</span>", safe, flags=re.MULTILINE)
        fragments.append(safe.replace("\n", "<br>"))
    return "".join(fragments)


def message(
    name: str, text: str, *, bot: bool, buttons: list[tuple[str, bool]] = (), pictures: list[bytes] = ()
) -> str:
    tag = "<span class=tag>APP</span>" if bot else ""
    shown = "".join(f"<span class='b{' red' if red else ''}'>{html.escape(label)}</span>" for label, red in buttons)
    images = "".join(f"<img src='data:image/png;base64,{base64.b64encode(data).decode()}'>" for data in pictures)
    return f"<div class='m{'' if bot else ' p'}'><div class=a>{name[0]}</div><div><div class=n>{name}{tag}</div>{rich(text)}{images}<div>{shown}</div></div></div>"


def buttons(revision: Revision) -> list[tuple[str, bool]]:
    return [
        (component["label"], component.get("style") == 4)
        for row in revision.components
        for component in row.get("components", [])
    ]


def frame(caption: str, *messages: str) -> str:
    return f"<div class=frame><div class=cap>{caption}</div>{''.join(messages)}</div>"


async def screenshot(body: str, target: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or "chromium"
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><body>{body}", encoding="utf-8")
        command = [
            browser,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={folder}/b",
            "--window-size=1400,820",
            f"--screenshot={target}",
            page.as_uri(),
        ]
        process = await asyncio.create_subprocess_exec(
            *command, stderr=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
        )
        await process.wait()
    with Image.open(target) as picture:
        whole = picture.convert("RGB")
    empty = Image.new("RGB", whole.size, whole.getpixel((0, 0)))
    _, _, right, bottom = ImageChops.difference(whole, empty).getbbox() or (0, 0, *whole.size)
    whole.crop((0, 0, right + 18, bottom + 18)).save(target, optimize=True)


async def moving(history: list[Revision], ask: str) -> None:
    """The same run as an animated picture: each revision for as long as it was on the screen, at most two seconds."""
    step = max(1, len(history) // MOST_FRAMES)
    shown = [*history[:-1:step], history[-1]]
    with tempfile.TemporaryDirectory() as folder:
        pictures = []
        for number, revision in enumerate(shown):
            path = Path(folder) / f"{number}.png"
            words = message("Antiphon", revision.content, bot=True, buttons=buttons(revision))
            await screenshot(frame(f"{revision.t - history[0].t:.1f} s", ask, words), path)
            with Image.open(path) as picture:
                pictures.append(picture.convert("RGB"))
    width, height = max(picture.width for picture in pictures), max(picture.height for picture in pictures)
    canvases = []
    for picture in pictures:
        canvas = Image.new("RGB", (width, height), picture.getpixel((0, 0)))
        canvas.paste(picture, (0, 0))
        canvases.append(canvas.quantize(64))
    times = [min(2.0, later.t - earlier.t) for earlier, later in itertools.pairwise(shown)] + [LAST_FRAME]
    canvases[0].save(
        PICTURES / "conversation.gif",
        save_all=True,
        append_images=canvases[1:],
        duration=[max(60, int(seconds * 1000)) for seconds in times],
        loop=0,
        optimize=True,
    )


async def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp())
    async with FakeDiscord() as discord, FakeUpstream() as upstream:
        upstream.text, upstream.pause, upstream.behaviour["gpt-4o-mini"] = ANSWER, 0.06, "ok"
        guild = discord.add_guild()
        channel = discord.add_text_channel(guild, "general")
        maria = discord.add_user("Maria")
        discord.join(guild, maria)
        settings = {**environment(upstream, "gpt-4o-mini"), "ANTIPHON__EMBEDDED__IMAGE_SECONDS": "14"}
        async with running("inference_service", directory=folder, environ=settings) as service:
            target = (await service.line("ready: ")).split()[1]
            bot_settings = {
                "DISCORD_TOKEN": discord.token,
                "ANTIPHON__BOT__API_BASE_URL": discord.api_url,
                "ANTIPHON__CLIENT__TARGET": target,
            }
            async with running("discord_bot", directory=folder, environ=bot_settings) as bot:
                await bot.line("ready: ")
                await discord.ready()
                await maria.slash(channel, "chat", prompt="How do glaciers move?")
                thread = (await discord.wait_for(lambda: guild.threads))[0]
                answer = await discord.wait_for(
                    lambda: thread.from_bot and "Regenerate" in thread.from_bot[-1].buttons and thread.from_bot[-1]
                )
                order = await maria.slash(channel, "image", prompt="hills under a quiet moon", size="3:2", seed="11")
                picture = await discord.wait_for(
                    lambda: order.response and "Delete" in order.response.buttons and order.response
                )
    ask = message("Maria", "How do glaciers move?", bot=False)
    history = answer.history
    shown = [history[0], history[len(history) // 2], history[-1]]
    frames = [
        frame(
            f"{revision.t - history[0].t:.1f} s",
            ask,
            message("Antiphon", revision.content, bot=True, buttons=buttons(revision)),
        )
        for revision in shown
    ]
    await screenshot("".join(frames), PICTURES / "conversation.png")
    await moving(history, ask)
    history = picture.history
    previews = [revision for revision in history if revision.attachments and revision is not history[-1]]
    shown = [history[1], *(previews[-1:] or history[2:3]), history[-1]]
    frames = [
        frame(
            f"{revision.t - history[0].t:.1f} s",
            message(
                "Antiphon",
                revision.content,
                bot=True,
                buttons=buttons(revision),
                pictures=[file.content for file in revision.attachments],
            ),
        )
        for revision in shown
    ]
    await screenshot("".join(frames), PICTURES / "image.png")


if __name__ == "__main__":
    asyncio.run(main())
