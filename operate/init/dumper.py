"""How a stack file's YAML looks."""

from typing import Any

import yaml


class Dumper(yaml.SafeDumper):
    """A source or a login stands on one line, and lists are indented, as in the shipped files."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        flat = set(mapping) in ({"username", "password"}, {"config"}, {"file"})
        return super().represent_mapping(tag, mapping, flow_style=flat)
