"""Types that several sections of the config share."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


class Section(BaseModel):
    """A section of the config: unknown keys, wrong types, and numbers that are infinite or none are refused.

    Numbers may come as text, since Snakemake passes what is inside `--config key={...}` on as text.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_boolean_as_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and cls.model_fields[info.field_name].annotation is not bool:
            raise ValueError(
                f"{str(value).lower()} is not what is asked for here (YAML also reads yes, no, on, off so)"
            )
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _no_number_beyond_64_bits(cls, value: Any) -> Any:
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, int) and number.bit_length() > 63:
                raise ValueError("the number is too large")
        return value


def _not_a_yaml_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        word = "no" if value is False else "yes or on"
        raise ValueError(f'YAML reads an unquoted {word} as {str(value).lower()}: put the code in quotes, like "no"')
    return value


LanguageCode = Annotated[
    str,
    Field(
        pattern=r"^[a-z]{2,3}([a-z]{4})?$",
        description="Two-letter (ISO 639-1) or three-letter (ISO 639-3) language code, which a script may follow, like zhohant.",
    ),
    BeforeValidator(_not_a_yaml_boolean),
]

LONGEST_SLUG = 64
Slug = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]+([._-][a-z0-9]+)*$",
        max_length=LONGEST_SLUG,
        description="A name that becomes part of file names: lower-case letters, digits, and . _ - between them.",
    ),
    BeforeValidator(_not_a_yaml_boolean),
]

# In the names of conditions it follows a seed, like s3, from which its second character tells it apart.
METHOD_NAME = "[a-z][a-z_][a-z0-9_]*"
MethodName = Annotated[
    str,
    Field(
        pattern=f"^{METHOD_NAME}$",
        max_length=64,
        description="A name that ends the names of conditions: lower-case letters and _, and digits from the third character on.",
    ),
    BeforeValidator(_not_a_yaml_boolean),
]


@dataclass(frozen=True)
class Registered:
    """A name that the code of a room registers: `Annotated[str, Registered("workflow_scripts.room.module:function")]`.

    The function returns what is registered by name. It is imported when a config is validated or its schema is made, and
    not before: the rooms that register names come after this one.
    """

    where: str

    def __call__(self) -> Mapping[str, Any]:
        """Return what is registered, by name."""
        module, _, function = self.where.partition(":")
        return getattr(importlib.import_module(module), function)()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._known, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "enum": list(self())}

    def _known(self, name: str) -> str:
        if name not in self():
            raise PydanticCustomError("unregistered", "is none of {known}", {"known": ", ".join(self())})
        return name


Device = Annotated[str, Field(pattern=r"^(auto|cpu|cuda|cuda:[0-9]+)$", description="Where a model runs.")]

Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what every library that draws takes


def _distinct(values: list) -> list:
    if repeated := sorted({value for value in values if values.count(value) > 1}):
        raise ValueError(f"{', '.join(map(str, repeated))} given more than once")
    return values


Distinct = AfterValidator(_distinct)
Languages = Annotated[list[LanguageCode], Field(min_length=1), Distinct]


def _all_or_listed(value: Any, listed: ValidatorFunctionWrapHandler) -> Any:
    return value if value == "all" else listed(value)


def _or_all(schema: dict[str, Any]) -> None:
    listed = {key: schema.pop(key) for key in ("items", "minItems", "type") if key in schema}
    schema["anyOf"] = [listed, {"const": "all", "type": "string"}]


# The config replaces `all` by a list (study.py).
LanguagesOrAll = Annotated[Languages, WrapValidator(_all_or_listed), Field(json_schema_extra=_or_all)]


def _path(path: str) -> str:
    if not path:
        raise ValueError("is empty; give a path, or leave the key out")
    if not path.isprintable():
        raise ValueError("a path must be one line of printable characters")
    if set(path) & set("{}"):
        raise ValueError("Snakemake fills in what stands in braces; take a path without { and }")
    if path.startswith("~"):
        raise ValueError("~ is not the home folder here; write the path in full")
    return path


PathName = Annotated[str, AfterValidator(_path)]

# A name on the Hugging Face hub, where neither .. nor -- may be part of one. No URL, which could hold a password.
REPOSITORY = "[A-Za-z0-9_]+([.-][A-Za-z0-9_]+)*/[A-Za-z0-9_]+([.-][A-Za-z0-9_]+)*"
