"""Real Gradio apps, without any model, in the layout of the Spaces they stand for.

Runs inside the prepared environments with Gradio 3, 4, 5 or 6: nothing of the project is
importable here. `hold` in a prompt makes a function wait until the door says `release`.
"""

import random
import threading

import gradio as gr
import numpy as np
from PIL import Image, ImageDraw

MAJOR = int(gr.__version__.split(".")[0])
MAX_SEED = np.iinfo(np.int32).max

release = threading.Event()
counts = {"started": 0, "ended": 0, "steps": 0}
counting = threading.Condition()
QUOTA = "You have exceeded your free ZeroGPU quota (60s requested vs. 12s left). Try again in 3:25:01"


def count(what):
    with counting:
        counts[what] += 1
        counting.notify_all()


def wait_if_asked(text):
    if "hold" in text and not release.wait(60):
        raise TimeoutError("nobody released the stage")


def trouble_if_asked(text):
    if "quota" in text:
        raise gr.Error(QUOTA)
    if "explain" in text:
        raise gr.Error("The <b>weights</b> are missing")
    if "crash" in text:
        raise ValueError("hidden from the caller")


def picture(text, width, height, step=0):
    image = Image.new("RGB", (int(width), int(height)), (40 * step % 256, 90, 140))
    ImageDraw.Draw(image).text((4, 4), text.encode("ascii", "replace").decode(), fill=(255, 255, 255))
    return image


def queued(demo):
    if MAJOR == 3:
        return demo.queue(concurrency_count=1, max_size=8)
    return demo.queue(default_concurrency_limit=1, max_size=8)


def multimodal_understanding(image, question, seed, top_p, temperature):
    count("started")
    wait_if_asked(question)
    trouble_if_asked(question)
    height, width = image.shape[:2]  # as in the original, no picture is an AttributeError
    red = round(float(image[..., 0].mean()))
    return f"{question} [{width}x{height} red {red} seed {int(seed)} top_p {top_p} temperature {temperature}]"


def generate_image(prompt, seed=None, guidance=5, t2i_temperature=1.0):
    count("started")
    trouble_if_asked(prompt)
    return [picture(f"{prompt} {guidance} {t2i_temperature} {seed}", 768, 768, step) for step in range(5)]


def janus():
    with gr.Blocks() as demo:
        with gr.Row():
            image_input = gr.Image()
            with gr.Column():
                question_input = gr.Textbox(label="Question")
                und_seed_input = gr.Number(label="Seed", precision=0, value=42)
                top_p = gr.Slider(minimum=0, maximum=1, value=0.95, step=0.05, label="top_p")
                temperature = gr.Slider(minimum=0, maximum=1, value=0.1, step=0.05, label="temperature")
        understanding_button = gr.Button("Chat")
        understanding_output = gr.Textbox(label="Response")
        prompt_input = gr.Textbox(label="Prompt. (Prompt in more detail can help produce better images!)")
        seed_input = gr.Number(label="Seed (Optional)", precision=0, value=12345)
        cfg_weight_input = gr.Slider(minimum=1, maximum=10, value=5, step=0.5, label="CFG Weight")
        t2i_temperature = gr.Slider(minimum=0, maximum=1, value=1.0, step=0.05, label="temperature")
        generation_button = gr.Button("Generate Images")
        image_output = gr.Gallery(label="Generated Images", columns=2, rows=2, height=300)
        gr.Examples(["a fox"], inputs=[prompt_input], examples_per_page=1)
        understanding_button.click(
            multimodal_understanding,
            inputs=[image_input, question_input, und_seed_input, top_p, temperature],
            outputs=understanding_output,
            api_name="multimodal_understanding",
        )
        generation_button.click(
            generate_image,
            inputs=[prompt_input, seed_input, cfg_weight_input, t2i_temperature],
            outputs=image_output,
            api_name="generate_image",
        )
    return queued(demo)


def flux_dev(
    prompt,
    seed=42,
    randomize_seed=False,
    width=1024,
    height=1024,
    guidance_scale=3.5,
    num_inference_steps=28,
    progress=gr.Progress(track_tqdm=True),  # noqa: B008 - how Gradio injects its progress bar
):
    count("started")
    trouble_if_asked(prompt)
    used = random.randint(0, MAX_SEED) if randomize_seed else int(seed)
    steps = min(int(num_inference_steps), 4)
    try:
        for step in range(steps):
            progress((step + 1, steps), desc="denoise", unit="steps")
            count("steps")
            yield picture(f"{prompt} {step} {guidance_scale} {num_inference_steps}", width, height, step), used
            wait_if_asked(prompt)
        if "break" in prompt:
            raise gr.Error("GPU task aborted")
    finally:
        count("ended")


def flux_schnell(prompt, seed=42, randomize_seed=False, width=1024, height=1024, num_inference_steps=4):
    count("started")
    wait_if_asked(prompt)
    trouble_if_asked(prompt)
    used = random.randint(0, MAX_SEED) if randomize_seed else int(seed)
    return picture(f"{prompt} {num_inference_steps}", width, height), used


def flux(dev):
    with gr.Blocks() as demo:
        prompt = gr.Text(label="Prompt", show_label=False, max_lines=1, container=False)
        run_button = gr.Button("Run")
        result = gr.Image(label="Result", show_label=False)
        seed = gr.Slider(label="Seed", minimum=0, maximum=MAX_SEED, step=1, value=0)
        randomize_seed = gr.Checkbox(label="Randomize seed", value=True)
        width = gr.Slider(label="Width", minimum=256, maximum=2048, step=32, value=1024)
        height = gr.Slider(label="Height", minimum=256, maximum=2048, step=32, value=1024)
        guidance = gr.Slider(label="Guidance Scale", minimum=1, maximum=15, step=0.1, value=3.5)
        steps = gr.Slider(label="Number of inference steps", minimum=1, maximum=50, step=1, value=28 if dev else 4)
        gr.Examples(["a cat"], inputs=[prompt])
        inputs = [prompt, seed, randomize_seed, width, height, *([guidance] if dev else []), steps]
        run_button.click(flux_dev if dev else flux_schnell, inputs, [result, seed], api_name="infer")
    return queued(demo)


def talk(message, turns):
    """A growing string, with the memory of the session behind it."""
    count("started")
    trouble_if_asked(message)
    turns = [*(turns or []), message]
    answer = ""
    for word in [f"turn {len(turns)}:", " Привет", ", ", "мир", " 🙂 ", message]:
        answer += word
        yield answer, turns
        if word == "мир":
            wait_if_asked(message)
    gr.Info("all <i>said</i>")


def recite(message, history):
    """A whole chatbot as its input and output, in the form of messages."""
    told = [*(history or []), {"role": "user", "content": message}, {"role": "assistant", "content": ""}]
    for piece in ["You", " said ", f"{len(told) // 2} things"]:
        told[-1] = {"role": "assistant", "content": told[-1]["content"] + piece}
        yield told


def chat():
    with gr.Blocks() as demo:
        message = gr.Textbox(label="Message")
        turns = gr.State([])
        answer = gr.Textbox(label="Answer")
        gr.Button("Talk").click(talk, [message, turns], [answer, turns], api_name="talk")
        if MAJOR > 3:
            bot = gr.Chatbot(**({"type": "messages"} if MAJOR < 6 else {}))
            gr.Button("Recite").click(recite, [message, bot], [bot], api_name="recite")
    return queued(demo)


def converse(message, history):
    return f"{message} after {len(history)}"


def interface():
    kind = {"type": "messages"} if MAJOR == 5 else {}
    return queued(gr.ChatInterface(converse, **kind))
