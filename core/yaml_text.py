# SPDX-License-Identifier: BSD-3-Clause
"""Texts as YAML, written by PyYAML's emitter: whatever they hold, they are read back as the same text."""

from __future__ import annotations

import yaml

_WIDTH = 1 << 30  # lines are as long as they are
_TEXT = "tag:yaml.org,2002:str"


def quoted(text: str) -> str:
    """Return a text in double quotes, on one line."""
    return _written(yaml.ScalarNode(_TEXT, text, style='"'))


def block(key: str, text: str) -> str:
    """Return a key with a text of several lines as a block, or in quotes where no block can hold it."""
    value = yaml.ScalarNode(_TEXT, text, style="|")
    pair = (yaml.ScalarNode(_TEXT, key), value)
    return _written(yaml.MappingNode("tag:yaml.org,2002:map", [pair]))


def _written(node: yaml.Node) -> str:
    text: str = yaml.serialize(node, Dumper=yaml.SafeDumper, allow_unicode=True, width=_WIDTH)
    return text.removesuffix("\n")
