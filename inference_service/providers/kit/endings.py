"""Why an answer ended, in every provider's words. Only ends that are known to be good count as ends.

Words are compared without case, spaces and punctuation, so that `MAX_TOKENS`, `maxTokens` and `max_tokens` are equal.
Sources: the API references of OpenAI, Mistral, Cohere, Google, Anthropic, DeepSeek and Z.ai; TGI, vLLM and Ollama.
"""

import re

from inference_service.domain import FinishReason

_GOOD = {
    FinishReason.STOP: (
        "stop", "stop_sequence", "stop_string", "stop_str", "stop_word", "stop_token",
        "eos", "eos_token", "eot", "eom", "end", "end_turn", "end_of_turn", "end_of_text", "end_of_sequence", "end_of_message",
        "complete", "completed", "done", "finish", "finished",
    ),
    FinishReason.LENGTH: (
        "length", "limit", "max_tokens", "max_length", "max_output_tokens", "max_completion_tokens", "max_new_tokens",
        "token_limit", "model_length", "context_length", "model_context_window_exceeded",
    ),
    FinishReason.TOOL_CALLS: ("tool_calls", "tool_call", "tool_use", "function_call", "function_calls"),
    FinishReason.CONTENT_FILTER: (
        "content_filter", "content_filtered", "content_policy", "content_policy_violation", "safety", "image_safety",
        "recitation", "blocklist", "prohibited_content", "spii", "sensitive", "refusal", "moderation", "guardrail",
        "guardrail_intervened", "error_toxic", "flagged",
    ),
}  # fmt: skip
_PREFIXES = ("finishreason", "stopreason")
_NOT_YET = frozenset({"", "null", "none", "unspecified", "inprogress"})
_PLAIN = re.compile(r"[^a-z0-9]+")


class UnknownEndError(ValueError):
    """An end that is not known to be good: the provider gave up, or the word is unknown."""


def _plain(word: str) -> str:
    plain = _PLAIN.sub("", word[:100].lower())
    for prefix in _PREFIXES:
        plain = plain.removeprefix(prefix)
    return plain


_REASONS = {_plain(word): reason for reason, words in _GOOD.items() for word in words}


def reason(word: object) -> FinishReason | None:
    """What the provider's word means; None if there is none. Raises UnknownEndError for every word not listed."""
    if isinstance(word, dict):  # SGLang's own API: {"type": "stop", "matched": …}
        word = word.get("type") or word.get("reason")
    if not isinstance(word, str):
        return None
    plain = _plain(word)
    if plain in _NOT_YET:
        return None
    meaning = _REASONS.get(plain) or _REASONS.get(_plain(word.partition(":")[0]))  # "content_filter: RECITATION"
    if meaning is None:
        raise UnknownEndError(plain[:40])
    return meaning
