"""LiteLLM as a client. Prints each thing that works."""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # or it asks for a list of prices first

import litellm

litellm.suppress_debug_info = True
TEXT = os.environ["EXPECTED_TEXT"]
HELLO = [{"role": "user", "content": "hi"}]
WHERE = {"api_base": os.environ["OPENAI_BASE_URL"], "api_key": os.environ["OPENAI_API_KEY"]}


def main() -> None:
    answer = litellm.completion(model="openai/chat", messages=HELLO, **WHERE)
    assert answer.choices[0].message.content == TEXT
    assert answer.usage.total_tokens == 53
    print("chat")
    stream = litellm.completion(model="openai/breaks", messages=HELLO, stream=True, **WHERE)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == TEXT
    print("stream, over a handover")
    for model, kind in (("cht", litellm.NotFoundError), ("limited", litellm.RateLimitError)):
        try:
            litellm.completion(model=f"openai/{model}", messages=HELLO, num_retries=0, **WHERE)
        except kind:
            pass
        else:
            raise AssertionError(model)
    print("errors")


main()
