"""One example for each RPC, with the synchronous client. Run: python rpcs.py [host:port]"""

import json
import sys
from pathlib import Path

from antiphon.events import Audio, JsonSchema, Message, Tool, ToolResult
from antiphon.sync import SyncInferenceClient

WEATHER = Tool(
    "get_weather",
    "Tells the weather of a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


# --- Chat
def chat(client: SyncInferenceClient) -> None:
    answer = client.chat("Why is the sky blue?", conversation_id="sky-1")
    for event in answer:
        print(event)
    print(answer.stream.text)


# --- Complete
def complete(client: SyncInferenceClient) -> None:
    turns = [Message.user("What is the weather in Oslo?")]
    answer = client.complete(turns, tools=[WEATHER])
    while answer.tool_calls:
        results = [ToolResult(call.id, json.dumps({"sky": "clear", **call.parsed})) for call in answer.tool_calls]
        turns += [answer.message, Message.tool(*results)]
        answer = client.complete(turns, tools=[WEATHER])
    print(answer.text)


# --- Image
def image(client: SyncInferenceClient) -> None:
    drawing = client.image("a red fox in snow", aspect_ratio=(16, 9), seed=7)
    for event in drawing:
        print(event)
    for picture in drawing.stream.pictures:
        print(picture.mime, picture.width, picture.height, len(picture.data))


# --- Embed
def embed(client: SyncInferenceClient) -> None:
    made = client.embed(["a red fox", "a blue whale"])
    print(len(made.vectors), len(made.vectors[0]), made.deployment)


# --- Transcribe
def transcribe(client: SyncInferenceClient, path: str) -> None:
    said = client.transcribe(Audio("audio/ogg", Path(path).read_bytes()), timestamps=True)
    print(said.language, said.text, said.segments)


# --- CountTokens
def count_tokens(client: SyncInferenceClient) -> None:
    counted = client.count_tokens("Why is the sky blue?")
    print(counted.tokens, "about" if counted.estimated else "exactly")


# --- ListModels
def list_models(client: SyncInferenceClient) -> None:
    for model in client.models():
        print(model.name, model.tasks, model.deployments, model.available)


# --- GetUsage
def get_usage(client: SyncInferenceClient) -> None:
    for row in client.usage(group_by=["day", "model"]):
        print(row.day, row.model, row.requests, row.prompt_tokens, row.cost_micros)


# --- GetStatus
def get_status(client: SyncInferenceClient) -> None:
    print(client.status().ready)


# --- WatchStatus
def watch_status(client: SyncInferenceClient) -> None:
    for status in client.watch_status(interval=0.25):
        print(status.live_requests)
        break


# --- ReloadConfig
def reload_config(client: SyncInferenceClient) -> None:
    print(client.reload() or "nothing has changed")


# --- end
def structured(client: SyncInferenceClient) -> None:
    """An answer that is a document."""
    wanted = JsonSchema({"type": "object", "properties": {"colour": {"type": "string"}}, "required": ["colour"]})
    print(client.complete("Which colour has the sky?", response_format=wanted).text)


def main() -> None:
    target, *recording = sys.argv[1:] or ["127.0.0.1:50551"]
    with SyncInferenceClient(target) as client:
        for example in (chat, complete, image, embed, count_tokens, list_models, get_usage, get_status, watch_status):
            print(f"# {example.__name__}")
            example(client)
        for path in recording:
            transcribe(client, path)
        reload_config(client)


if __name__ == "__main__":
    main()
