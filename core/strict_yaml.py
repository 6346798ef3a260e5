# SPDX-License-Identifier: BSD-3-Clause
"""YAML without YAML's surprises: every value with its position, every fault at once.

The rules, each with its id:

- `yaml-size`: a document is at most 256 KiB.
- `yaml-encoding`: it is UTF-8 without control characters.
- `yaml-syntax`: it is YAML.
- `file-link`: what belongs to a recipe is a file of its own, and no link.
- `yaml-single`: it is one document, and a mapping at the top.
- `yaml-depth`: it nests at most 20 levels.
- `yaml-alias`: no anchors, aliases or merge keys: they hide what a reviewer reads, and make bombs.
- `yaml-tag`: no tags.
- `yaml-key`: keys are text.
- `yaml-duplicate`: a key stands once in its mapping.

Plain `true`, `false`, `null` and decimal integers are what they look like; everything else is text:
`1.10` stays `1.10`, `no` stays `no`, `12:30` stays `12:30`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from core.errors import InvalidInput
from core.problems import Position, Positions, Problem, in_order

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20

Value: TypeAlias = "dict[str, Value] | list[Value] | str | int | bool | None"
Path_: TypeAlias = tuple[str | int, ...]

_LOADER = yaml.CBaseLoader  # libyaml is in PyYAML's wheels and ten times faster than its Python
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})\Z")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, slots=True)
class Document:
    """A mapping read from YAML. `positions` has every value's place, `keys` every key's."""

    file: Path
    value: dict[str, Value]
    positions: Positions
    keys: Positions

    def where(self, path: Path_) -> Position:
        """Return the place of a value, or of the nearest thing around it that the file has."""
        while path and path not in self.positions:
            path = path[:-1]
        return self.positions[path]

    def where_key(self, path: Path_) -> Position:
        """Return the place of a key, or of its value where it is an item of a list."""
        return self.keys.get(path) or self.where(path)


def load(file: Path, *, shown_as: Path | None = None, follow: bool = True) -> Document:
    """Read a YAML file.

    Args:
        file: the file.
        shown_as: the name that problems show, for instance relative to the project.
        follow: whether it may be a link. What comes with a merge request may not: a problem shows the
            line that it is in, and a link would show a line of any file.

    Raises:
        InvalidInput: with every problem that was found.
    """
    shown = shown_as or file
    if not follow and file.is_symlink():
        raise InvalidInput([link_problem(shown)])
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as err:
        reason = err.strerror or str(err)
        raise InvalidInput(
            [Problem(Position(shown), "file-unreadable", f"cannot be read: {reason}")]
        ) from err
    return loads(raw, shown)


def link_problem(shown: Path) -> Problem:
    """Return what is wrong with a link in the place of a file or folder of a project."""
    return Problem(
        Position(shown), "file-link", "is a link", hint="put the file itself into its place"
    )


def loads(raw: bytes, file: Path) -> Document:
    """Read YAML from bytes; `file` is the name that problems show.

    Raises:
        InvalidInput: with every problem that was found.
    """
    text = _decode(raw, file)
    problems = list(_faulty_events(text, file))
    if problems:
        raise InvalidInput(in_order(problems))
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except (yaml.YAMLError, ValueError) as err:  # pragma: no cover - the events were read already
        raise InvalidInput([_syntax_problem(err, file)]) from err
    if not isinstance(root, yaml.MappingNode):
        raise InvalidInput(
            [
                Problem(
                    Position(file),
                    "yaml-single",
                    "the document must be a mapping of fields to values",
                    hint="begin with 'schema: 1' on the first line",
                )
            ]
        )
    builder = _Builder(file)
    value = builder.mapping(root, ())
    if builder.problems:
        raise InvalidInput(in_order(builder.problems))
    return Document(file, value, builder.positions, builder.keys)


def _decode(raw: bytes, file: Path) -> str:
    if len(raw) > MAX_BYTES:
        raise InvalidInput(
            [
                Problem(
                    Position(file),
                    "yaml-size",
                    f"the file is larger than {MAX_BYTES // 1024} KiB",
                    hint="keep data in files of its own beside it",
                )
            ]
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as err:
        before = raw[: err.start]
        line = before.count(b"\n") + 1
        column = err.start - (before.rfind(b"\n") + 1) + 1
        raise InvalidInput(
            [
                Problem(
                    Position(file, line, column),
                    "yaml-encoding",
                    f"byte 0x{raw[err.start]:02x} is not UTF-8",
                    hint="save the file as UTF-8",
                )
            ]
        ) from err


def _faulty_events(text: str, file: Path) -> Iterator[Problem]:
    """Yield what is wrong before a tree is built: the parser is a loop, building a tree is not."""
    depth = 0
    documents = 0
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            where = _position(event.start_mark, file)
            match event:
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents == 2:
                        yield Problem(where, "yaml-single", "a second document begins here")
                case yaml.AliasEvent():
                    yield Problem(
                        where,
                        "yaml-alias",
                        f"alias '*{event.anchor}' is not allowed",
                        hint="write the value out",
                    )
                    continue
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    depth += 1
                    if depth > MAX_DEPTH:
                        yield Problem(where, "yaml-depth", f"nested deeper than {MAX_DEPTH} levels")
                        return
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    depth -= 1
                case _:
                    pass
            anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
            if anchor:
                yield Problem(
                    where,
                    "yaml-alias",
                    f"anchor '&{anchor}' is not allowed",
                    hint="write the value where it is used",
                )
            if tag:
                yield Problem(
                    where,
                    "yaml-tag",
                    f"tag '{tag}' is not allowed",
                    hint="remove it; the schema says what a value is",
                )
    except (yaml.YAMLError, ValueError) as err:
        yield _syntax_problem(err, file)


def _syntax_problem(err: Exception, file: Path) -> Problem:
    if isinstance(err, yaml.MarkedYAMLError):
        mark = err.problem_mark or err.context_mark
        where = _position(mark, file) if mark else Position(file)
        return Problem(where, "yaml-syntax", str(err.problem or err.context or "not YAML"))
    if isinstance(err, yaml.reader.ReaderError):
        return Problem(
            Position(file),
            "yaml-encoding",
            f"character {err.character!r} at offset {err.position} is not allowed in YAML",
            hint="remove control characters",
        )
    return Problem(Position(file), "yaml-syntax", str(err) or "not YAML")


class _Builder:
    """Turns a node tree into plain values, noting every position and every bad key."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.positions: dict[Path_, Position] = {}
        self.keys: dict[Path_, Position] = {}
        self.problems: list[Problem] = []

    def value(self, node: yaml.Node, path: Path_) -> Value:
        match node:
            case yaml.MappingNode():
                return self.mapping(node, path)
            case yaml.SequenceNode():
                self.positions[path] = _position(node.start_mark, self.file)
                return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
            case yaml.ScalarNode():
                self.positions[path] = _position(node.start_mark, self.file)
                return _scalar(node)
            case _:  # pragma: no cover - YAML has these three kinds of node
                raise TypeError(f"unknown node {node!r}")

    def mapping(self, node: yaml.MappingNode, path: Path_) -> dict[str, Value]:
        self.positions[path] = _position(node.start_mark, self.file)
        result: dict[str, Value] = {}
        for key_node, value_node in node.value:
            where = _position(key_node.start_mark, self.file)
            key = _scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                self.problems.append(
                    Problem(where, "yaml-key", "a key must be text", hint="put it in quotes")
                )
                continue
            if key == "<<":
                self.problems.append(
                    Problem(
                        where,
                        "yaml-alias",
                        "merge keys are not allowed",
                        hint="write the fields out",
                    )
                )
                continue
            if key in result:
                first = self.keys[(*path, key)].line
                self.problems.append(
                    Problem(
                        where,
                        "yaml-duplicate",
                        f"'{key}' stands here a second time, first on line {first}",
                        hint="keep one of the two",
                        field=".".join(str(part) for part in (*path, key)),
                    )
                )
                continue
            self.keys[(*path, key)] = where
            result[key] = self.value(value_node, (*path, key))
        return result


def _scalar(node: yaml.ScalarNode) -> str | int | bool | None:
    text: str = node.value
    if node.style:  # quoted or a block: always text
        return text
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _INTEGER.match(text) else text


def _position(mark: Any, file: Path) -> Position:  # PyYAML has two unrelated Mark classes
    if mark is None:
        return Position(file)
    return Position(file, mark.line + 1, mark.column + 1)
