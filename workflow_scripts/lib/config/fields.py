"""Types that several sections of the config share."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator


class Section(BaseModel):
    """A section of the config: unknown keys and wrong types are refused.

    Numbers may come as text, since Snakemake passes what is inside `--config key={...}` on as text.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_boolean_as_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and cls.model_fields[info.field_name].annotation is not bool:
            raise ValueError(
                f"{str(value).lower()} is not what is asked for here (YAML also reads yes, no, on, off so)"
            )
        return value


def _not_a_yaml_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        word = "no" if value is False else "yes or on"
        raise ValueError(f'YAML reads an unquoted {word} as {str(value).lower()}: put the code in quotes, like "no"')
    return value


LanguageCode = Annotated[
    str,
    BeforeValidator(_not_a_yaml_boolean),
    Field(pattern=r"^[a-z]{2,3}$", description="Two-letter (ISO 639-1) or three-letter (ISO 639-3) language code."),
]

Slug = Annotated[
    str,
    BeforeValidator(_not_a_yaml_boolean),
    Field(
        pattern=r"^[a-z0-9]+([._-][a-z0-9]+)*$",
        max_length=64,
        description="A name that becomes part of file names: lower-case letters, digits, and . _ - between them.",
    ),
]

Device = Annotated[str, Field(pattern=r"^(auto|cpu|cuda|cuda:\d+)$", description="Where a model runs.")]
