"""A JSON schema of `Pulumi.<stack>.yaml`, for editors: completion, and mistakes while typing.

It knows one key at a time. What one setting means for another is checked by the program (`components/settings/checks.py`).
"""

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from components.conventions import PROJECT
from components.settings.files import ApplicationsFile
from components.settings.settings import Settings


class _Generator(GenerateJsonSchema):
    """Leaves out titles, which repeat the key, and null, which no stack file needs to write."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        return {key: value for key, value in made.items() if (key, value) != ("default", None)}

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        if "patternProperties" in made:
            made.pop("propertyNames", None)
            made["additionalProperties"] = False
        return made


def document() -> dict[str, Any]:
    """Return the schema."""
    made = Settings.model_json_schema(schema_generator=_Generator)
    settings, required = made["properties"], made["required"]
    of_file = ApplicationsFile.model_json_schema(schema_generator=_Generator)
    made["$defs"] |= {ApplicationsFile.__name__: of_file}
    settings["applications"]["items"] = {
        "if": {"type": "object", "required": ["file"]},
        "then": {"$ref": f"#/$defs/{ApplicationsFile.__name__}"},
        "else": settings["applications"]["items"],
    }
    others = f"^{PROJECT}:(?!({'|'.join(settings)})$)"
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"Pulumi.<stack>.yaml of {PROJECT}",
        "type": "object",
        "required": ["config"],
        "properties": {
            "config": {
                "type": "object",
                "properties": {f"{PROJECT}:{key}": value for key, value in settings.items()},
                "required": [f"{PROJECT}:{key}" for key in required],
                "patternProperties": {
                    others: {
                        "description": "a secret that a setting names by `config`; `pulumi config set --secret` writes it",
                        "type": "object",
                        "required": ["secure"],
                        "properties": {"secure": {"type": "string"}},
                        "additionalProperties": False,
                    }
                },
            }
        },
        "$defs": made["$defs"],
    }


def of_applications() -> dict[str, Any]:
    """Return the schema of a file of applications, beside that of stack files."""
    application = {"$ref": "settings.schema.json#/$defs/Application"}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"applications of {PROJECT} in a file of their own",
        "if": {"type": "array"},
        "then": {"items": application},
        "else": application,
    }


def text(schema: dict[str, Any]) -> str:
    """Return a schema as it stands in a file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
