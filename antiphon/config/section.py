"""What every table of the configuration is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Port = Annotated[int, Field(ge=0, le=65_535)]


class Section(BaseModel):
    """A table of the file: unknown keys are errors, values never change after the load."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
