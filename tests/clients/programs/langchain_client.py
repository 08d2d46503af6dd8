"""LangChain with langchain-openai. Prints each thing that works."""

import os

from langchain_openai import ChatOpenAI

TEXT = os.environ["EXPECTED_TEXT"]


def main() -> None:
    answer = ChatOpenAI(model="chat").invoke("hi")
    assert answer.content == TEXT
    assert answer.usage_metadata["total_tokens"] == 53
    print("chat")
    pieces = list(ChatOpenAI(model="breaks", stream_usage=True).stream("hi"))
    assert "".join(piece.content for piece in pieces) == TEXT
    assert any(piece.usage_metadata for piece in pieces)
    print("stream, over a handover")


main()
