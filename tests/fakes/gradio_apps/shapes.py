"""Real Gradio apps in the shapes that real Spaces have: thoughts, lists, rewritten text, boxes, files, logins.

Runs inside the prepared environments with Gradio 4, 5 or 6: nothing of the project is importable here.
"""

import tempfile
from pathlib import Path

import gradio as gr
from stage import MAJOR, count, picture, queued

MESSAGES = {"type": "messages"} if MAJOR in (4, 5) else {}
USER, PASSWORD = "ann", "pass:word"


def thoughts(message, history):
    """Thinks first, then answers: a growing list of messages."""
    thought = {"role": "assistant", "content": "Let me", "metadata": {"title": "🧠 Thinking"}}
    yield [thought]
    thought = {**thought, "content": "Let me see."}
    yield [thought]
    for words in ("The answer", "The answer to ", f"The answer to {message}"):
        yield [thought, {"role": "assistant", "content": words}]


def parts(message, history):
    """A list of messages at once."""
    return [
        {"role": "assistant", "content": f"First, {message}."},
        {"role": "assistant", "content": f"Then {len(history)} before."},
    ]


def rewriting(message, history):
    yield "⏳ Thinking…"
    yield from ("It", "It is ", f"It is {message}")


def restless(message, history):
    """Rewrites what had already grown."""
    yield "Searching"
    yield "Searching the web"
    yield f"Found {message}"


def silent(message, history):
    if "spaces" in message:
        yield "  \n "
    else:
        yield ""


def boxes(message, history, system_message, max_tokens, temperature, top_p):
    return f"{message} | {system_message} | {max_tokens} | {temperature} | {top_p} | {len(history)}"


def files(message, history):
    given = message["files"]
    names = [Path(one if isinstance(one, str) else one["path"]).suffix for one in given]
    return f"{message['text']}: {len(given)} {' '.join(names)}"


def pictured(message, history):
    """Answers with words and with a picture."""
    place = Path(tempfile.mkdtemp()) / "chat.png"
    picture(message, 64, 64).save(place)
    content = {"path": str(place)}
    return [{"role": "assistant", "content": "Here it is."}, {"role": "assistant", "content": content}]


def boxed():
    return [
        gr.Textbox(value="You are kind.", label="System message"),
        gr.Slider(minimum=1, maximum=2048, value=512, step=1, label="Max new tokens"),
        gr.Slider(minimum=0.1, maximum=4.0, value=0.7, step=0.1, label="Temperature"),
        gr.Slider(minimum=0.1, maximum=1.0, value=0.95, step=0.05, label="Top-p (nucleus sampling)"),
    ]


CHATS = (thoughts, parts, rewriting, restless, silent, boxes, files, pictured)


def chats():
    """All in one app; Gradio 4 names their functions chat, chat_1, … in this order."""
    with gr.Blocks() as demo:
        for answer in CHATS:
            more = {"additional_inputs": boxed()} if answer is boxes else {"multimodal": answer is files}
            name = {"api_name": answer.__name__} if MAJOR > 4 else {}
            gr.ChatInterface(answer, **MESSAGES, **more, **name)
    return queued(demo)


def workshop(prompt, seed, width, height, ratio):
    """A log before the picture, and numbers around the seed."""
    count("started")
    log = Path(tempfile.mkdtemp()) / "run.log"
    log.write_text(f"drawing {prompt}")
    if "nothing" in prompt:
        return str(log), 2.5, None, seed, 7
    return str(log), 2.5, picture(prompt, width, height), seed, 7


def pair(prompt, seed):
    return (
        [(picture(f"{prompt} {seed}", 64, 48), "first"), (picture(prompt, 48, 64), None)],
        "two pictures",
        gr.update(visible=True),
    )


def touched(image, prompt, seed):
    return image.rotate(90, expand=True) if "none" not in prompt else None


def linked(prompt):
    return f"https://example.invalid/{prompt}.png"


def studio():
    with gr.Blocks() as demo:
        prompt = gr.Textbox(label="Prompt")
        seed = gr.Number(label="Seed", precision=0, value=1234)
        width = gr.Slider(label="Width", minimum=64, maximum=512, step=32, value=64)
        height = gr.Slider(label="Height", minimum=64, maximum=512, step=32, value=64)
        ratio = gr.Dropdown([("Square (1:1)", "s"), ("Wide (16:9)", "w")], value="s", label="Aspect Ratio")
        log, took, image = gr.File(label="Log"), gr.Number(label="Seconds"), gr.Image(label="Result", format="png")
        used, places = gr.Number(label="Used seed"), gr.Number(label="Places left")
        gr.Button("Draw").click(
            workshop, [prompt, seed, width, height, ratio], [log, took, image, used, places], api_name="workshop"
        )
        gallery, note, hidden = gr.Gallery(label="Pictures", format="png"), gr.Markdown(), gr.Textbox(visible=False)
        gr.Button("Pair").click(pair, [prompt, seed], [gallery, note, hidden], api_name="pair")
        given = gr.Image(label="Input", type="pil")
        gr.Button("Touch").click(touched, [given, prompt, seed], [image], api_name="touched")
    return queued(demo)


def inside(message, history):
    return f"{message} inside"


def locked():
    """Behind a user name and a password."""
    return queued(gr.ChatInterface(inside, **MESSAGES))
