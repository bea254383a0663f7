"""Write the JSON schema of the config, for editors, and its description, for readers; both from the typed models.

Run as `python -m workflow_scripts.config.document docs` (`make schema`) after a change to the config's models.
"""

import json
import sys
from pathlib import Path
from typing import Any

from workflow_scripts.config.study import Config
from workflow_scripts.jobs.files import write_text

SCHEMA, DESCRIPTION = "config.schema.json", "config.md"
HEAD = """# Config

Generated from `workflow_scripts/config` by `make schema`. A study is `config.yaml`, or an overlay on it
(`--configfile studies/…`): mappings are merged key by key, lists are replaced. Single keys can be given on the command
line: `--config data_root=/data`. Unknown keys and wrong types are refused before any job starts. `config.schema.json`
beside this file makes editors complete and check a config.
"""


def schema() -> dict[str, Any]:
    """Return the JSON schema of the whole config."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}


def description() -> str:
    """Return Markdown with a table of the keys of each section."""
    whole = schema()
    sections = {"Top level": whole, **whole["$defs"]}
    parts = [HEAD]
    for name, section in sections.items():
        if "properties" not in section:
            continue
        about = "" if name == "Top level" else section.get("description", "")
        rows = [
            _row(key, field, key in section.get("required", []), whole["$defs"])
            for key, field in section["properties"].items()
        ]
        table = "\n".join(["| key | value | default | what |", "| --- | --- | --- | --- |", *rows])
        parts.append(f"## {name.removesuffix('Section')}\n\n{about}\n\n{table}\n".replace("\n\n\n", "\n\n"))
    return "\n".join(parts)


def _row(key: str, field: dict[str, Any], required: bool, sections: dict[str, Any]) -> str:
    """Return the row of a key; a key without a description of its own has that of its section."""
    default = "required" if required else f"`{json.dumps(field['default'])}`" if "default" in field else "none"
    if isinstance(field.get("default"), dict):
        default = "see below"
    section = sections.get(field.get("$ref", "").rsplit("/", 1)[-1], {})
    what = field.get("description", section.get("description", "")).replace("|", "\\|").replace("\n", " ")
    return f"| `{key}` | {_type(field)} | {default} | {what} |"


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[1].removesuffix("Section")
        return f"[{name}](#{name.lower()})"
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_type(option) for option in field["anyOf"]))
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    if field.get("type") == "object":
        values = [field.get("additionalProperties"), *field.get("patternProperties", {}).values()]
        return next((f"name: {_type(value)}" for value in values if isinstance(value, dict)), "mapping")
    return {"string": "text", "null": "nothing"}.get(field.get("type"), field.get("type", "any"))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    write_text(folder / SCHEMA, json.dumps(schema(), indent=1, ensure_ascii=False) + "\n")
    write_text(folder / DESCRIPTION, description())
