"""What every table of the settings has in common."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SettingsTable(BaseModel):
    """One table of the tree: frozen, no unknown key, and no ``true`` where a number belongs."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _as_written(cls, value: object, info: ValidationInfo) -> object:
        annotation = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and annotation is not bool:
            raise ValueError("should be a number or text, not true or false")
        if isinstance(value, str) and get_origin(annotation) in {tuple, Mapping}:  # lists and tables from a variable
            try:
                return json.loads(value)
            except ValueError:
                raise ValueError("should be a list or table; in a variable write it as JSON") from None
        if value == "" and annotation is Path:
            raise ValueError("should name a file or folder; leave the key out for its default")
        return value
