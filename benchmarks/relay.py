"""The floor for this stack: a bare grpc.aio relay without pools, limits, metrics or fallback.

    python -m benchmarks.relay UPSTREAM_PORT        prints its port

It does what any correct relay must: parse the SSE, decode the JSON, send what arrived in one read as
one message, count characters, end with usage and `finished`.
"""

import sys

import aiohttp
import grpc
import msgspec

from antiphon.names import deployment_of
from antiphon.v1 import chat_pb2, common_pb2
from antiphon.v1 import inference_service_pb2_grpc as rpc


class Delta(msgspec.Struct):
    content: str | None = None


class Choice(msgspec.Struct):
    delta: Delta
    finish_reason: str | None = None


class Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int


class Chunk(msgspec.Struct):
    choices: list[Choice] = []
    usage: Usage | None = None


DECODER = msgspec.json.Decoder(Chunk)


class Relay(rpc.InferenceServiceServicer):
    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url, self.session = url, session

    async def Chat(self, request, context):  # noqa: N802, ANN001, ANN201, ARG002 - the stub's names
        messages = [{"role": "user", "content": part.text} for m in request.messages for part in m.parts]
        body = {"model": request.model, "messages": messages, "stream": True}
        yield chat_pb2.ChatResponse(
            started=common_pb2.Started(request_id="1", deployment=deployment_of(request.model), attempt=1)
        )
        total, pending, usage = 0, b"", Usage(0, 0)
        async with self.session.post(self.url, json=body) as response:
            async for data in response.content.iter_any():
                *events, pending = (pending + data).split(b"\n\n")
                texts = []
                for event in events:
                    if event == b"data: [DONE]":
                        continue
                    chunk = DECODER.decode(event[6:])
                    usage = chunk.usage or usage
                    texts += [choice.delta.content for choice in chunk.choices if choice.delta.content]
                if texts:
                    text = "".join(texts)
                    total += len(text)
                    yield chat_pb2.ChatResponse(delta=text)
        yield chat_pb2.ChatResponse(
            usage=common_pb2.Usage(prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)
        )
        yield chat_pb2.ChatResponse(finished=chat_pb2.ChatFinished(reason=1, total_chars=total))


async def main(upstream: int) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        rpc.add_InferenceServiceServicer_to_server(
            Relay(f"http://127.0.0.1:{upstream}/v1/chat/completions", session), server
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        await server.wait_for_termination()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(int(sys.argv[1])))
