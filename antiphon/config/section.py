"""What every table of the configuration is made of."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from antiphon.config.keys import is_environment_name

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Port = Annotated[int, Field(ge=0, le=65_535)]


def _environment_name(text: str) -> str:
    if not is_environment_name(text):
        raise ValueError(
            "must be the name of an environment variable, such as GROQ_API_KEY; the secret itself goes into that variable"
        )
    return text


EnvironmentName = Annotated[str, AfterValidator(_environment_name)]
"""The value is never repeated in a message: it may be a secret by mistake."""


class Section(BaseModel):
    """A table of the file: unknown keys are errors, values never change after the load."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)
