"""LangChain with langchain-openai. Prints each thing that works."""

import os

from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

TEXT = os.environ["EXPECTED_TEXT"]


class Sum(BaseModel):
    answer: int


@tool
def get_weather(city: str) -> str:
    """Tells the weather."""
    return f"sunny in {city}"


def main() -> None:
    answer = ChatOpenAI(model="chat").invoke("hi")
    assert answer.content == TEXT
    assert answer.usage_metadata["total_tokens"] == 53
    print("chat")
    pieces = list(ChatOpenAI(model="breaks", stream_usage=True).stream("hi"))
    assert "".join(piece.content for piece in pieces) == TEXT
    assert any(piece.usage_metadata for piece in pieces)
    print("stream, over a handover")
    asked = ChatOpenAI(model="tools").bind_tools([get_weather]).invoke("hi")
    assert [call["args"]["city"] for call in asked.tool_calls] == ["Köln", "Rome"]
    print("tools")
    assert ChatOpenAI(model="form").with_structured_output(Sum).invoke("hi") == Sum(answer=42)
    print("structured output")


main()
