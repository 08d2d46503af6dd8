"""Names and numbers of OpenTelemetry's GenAI conventions, as published at
https://opentelemetry.io/docs/specs/semconv/gen-ai/ (status: development). Looked up in November 2026.
"""

# Our operation → the convention's. Pictures are "multimodal content"; the convention has no name for transcription.
OPERATIONS = {"chat": "chat", "image": "generate_content", "embed": "embeddings", "embeddings": "embeddings"}
# Our kind of provider → the convention's well-known name. Any other kind keeps its own name, as the convention allows.
PROVIDERS = {
    "anthropic": "anthropic",
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "cohere": "cohere",
    "cohere-native": "cohere",
    "deepseek": "deepseek",
    "gemini": "gcp.gemini",
    "github": "azure.ai.inference",
    "groq": "groq",
    "mistral": "mistral_ai",
    "openai": "openai",
    "perplexity": "perplexity",
    "vertex": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
SERVER = "antiphon"
"""`gen_ai.provider.name` of this service, as its callers see it."""

DURATION_BUCKETS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)  # seconds
FIRST_TOKEN_BUCKETS = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
OUTPUT_TOKEN_BUCKETS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)  # seconds per token
TOKEN_BUCKETS = (
    1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864,
)  # fmt: skip


def operation(name: str) -> str:
    """`gen_ai.operation.name`."""
    return OPERATIONS.get(name, name)


def provider(name: str) -> str:
    """`gen_ai.provider.name` of a provider by its name in the configuration."""
    return PROVIDERS.get(name, name)
