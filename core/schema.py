# SPDX-License-Identifier: BSD-3-Clause
"""What may be written in a file: one schema that validates, tells editors and is the manual.

A schema is a cerberus schema whose every field carries `meta`: a `description`, and where it
helps an `example`, a `hint` for whoever got it wrong, and `pattern`, the regular expression in
words. The rules, each with its id:

- `schema-unknown`: a field that the schema does not have.
- `schema-required`: a field that must be there is missing.
- `schema-type`: a value of the wrong type.
- `schema-pattern`: a text of the wrong form.
- `schema-value`: a value out of its range, not one of the choices, or empty.

This is the only module that knows cerberus.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import cerberus
from cerberus import errors as cerberus_errors

from core.problems import Problem, in_order
from core.strict_yaml import Document, Path_

Schema: TypeAlias = Mapping[str, Mapping[str, Any]]
"""The fields of a mapping, each with its cerberus rules: data in a library's own language."""

MOST_FAULTS = 100
"""How many faults of one mapping or list are told at once."""

_Rules: TypeAlias = Mapping[str, Any]

_TYPE_IN_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "dict": "a mapping of fields to values",
    "list": "a list",
}
_TYPE_IN_JSON = {
    "string": "string",
    "integer": "integer",
    "boolean": "boolean",
    "dict": "object",
    "list": "array",
}


def validate(document: Document, schema: Schema) -> tuple[Problem, ...]:
    """Return every fault of `document` against `schema`, each with its place; none is good news."""
    validator = _Validator(_compiled(schema), error_handler=_PlainErrors)
    if validator.validate(document.value, normalize=False):
        return ()
    return in_order(_problems(validator.errors, document, {"type": "dict", "schema": schema}))


def _compiled(schema: Schema) -> Any:
    """Return a schema as cerberus keeps it: checking one takes longer than checking a document."""
    known = _COMPILED.get(id(schema))
    if known is None or known[0] is not schema:
        known = (schema, cerberus.schema.DefinitionSchema(_Validator({}), schema))
        _COMPILED[id(schema)] = known
    return known[1]


_COMPILED: dict[int, tuple[Schema, Any]] = {}  # each schema is kept, so that its id stays its own


class _PlainErrors(cerberus_errors.BaseErrorHandler):  # type: ignore[misc]  # cerberus has no types
    """Hands the errors out as cerberus made them, not as a tree of sentences."""

    def __call__(self, errors: Any) -> list[Any]:
        return list(errors)


class _Validator(cerberus.Validator):  # type: ignore[misc]  # cerberus has no types
    """Cerberus, with three differences.

    True is no integer. A `regex` means the whole text, final newline and all. Of one mapping or list
    so many faults are enough: cerberus sorts them all whenever it finds another one.
    """

    types_mapping = cerberus.Validator.types_mapping | {
        "integer": cerberus.TypeDefinition("integer", (int,), (bool,))
    }

    def _error(self, *args: Any) -> None:
        if len(self._errors) < MOST_FAULTS:
            super()._error(*args)

    def _validate_regex(self, pattern: str, field: str, value: object) -> None:
        """{'type': 'string'}"""  # read by cerberus: what the rule itself may be
        if isinstance(value, str) and re.fullmatch(pattern, value) is None:
            self._error(field, cerberus_errors.REGEX_MISMATCH)


def _problems(found: Sequence[Any], document: Document, root: _Rules) -> Iterator[Problem]:
    for error in found:
        if error.is_group_error:
            yield from _problems(error.child_errors, document, root)
        else:
            yield _problem(error, document, root)


def _problem(error: Any, document: Document, root: _Rules) -> Problem:
    path: Path_ = error.document_path
    rules = _rules_at(root, path)
    where = document.where(path)
    if "keysrules" in error.schema_path:
        where = document.where_key(path)
        rules = _rules_at(root, path[:-1]).get("keysrules", {})
    hint = _hint(rules)
    name = _name(path)
    match error.code:
        case cerberus_errors.UNKNOWN_FIELD.code:
            known = sorted(_fields(_rules_at(root, path[:-1])))
            where, rule = document.where_key(path), "schema-unknown"
            message = f"there is no field {name}{_inside(path)}"
            hint = _nearest(str(path[-1]), known)
        case cerberus_errors.REQUIRED_FIELD.code:
            where, rule = document.where(path[:-1]), "schema-required"
            message = f"the field {name} is missing{_inside(path)}"
            hint = hint or _example(rules)
        case cerberus_errors.BAD_TYPE.code:
            rule = "schema-type"
            expected = _either([_TYPE_IN_WORDS[kind] for kind in _types(rules)])
            message = f"{name} must be {expected}, not {_shown(error.value)}"
            hint = _quotes(error) or hint or _example(rules)
        case cerberus_errors.NOT_NULLABLE.code:
            rule = "schema-type"
            message = f"{name} has no value"
            hint = hint or "write a value, or take the field out"
        case cerberus_errors.REGEX_MISMATCH.code:
            rule = "schema-pattern"
            expected = rules.get("meta", {}).get("pattern") or f"of the form {error.constraint}"
            message = f"{name} must be {expected}, not {_shown(_wrong(error, path))}"
            hint = hint or _example(rules)
        case cerberus_errors.UNALLOWED_VALUE.code:
            rule = "schema-value"
            choices = [str(choice) for choice in error.constraint]
            message = f"{name} must be {_either(choices)}, not {_shown(error.value)}"
            hint = hint or _meant(str(error.value), choices)
        case cerberus_errors.EMPTY_NOT_ALLOWED.code:
            rule, message = "schema-value", f"{name} is empty"
        case cerberus_errors.MIN_VALUE.code:
            rule, message = "schema-value", f"{name} must be at least {error.constraint}"
        case cerberus_errors.MAX_VALUE.code:
            rule, message = "schema-value", f"{name} must be at most {error.constraint}"
        case cerberus_errors.MIN_LENGTH.code:
            rule, message = (
                "schema-value",
                f"{name} needs at least {error.constraint} {_unit(error)}",
            )
        case cerberus_errors.MAX_LENGTH.code:
            rule, message = (
                "schema-value",
                f"{name} has more than {error.constraint} {_unit(error)}",
            )
        case _:  # pragma: no cover - no schema of ours uses another rule
            rule, message = "schema-value", f"{name} breaks the rule '{error.rule}'"
    return Problem(where, rule, message, hint=hint, field=_dotted(path))


def _wrong(error: Any, path: Path_) -> object:
    """Return the text that has the wrong form: a key where the keys have a form of their own."""
    return path[-1] if "keysrules" in error.schema_path else error.value


def _types(rules: _Rules) -> list[str]:
    """Return the types that a value may have."""
    kind = rules.get("type", [])
    return [kind] if isinstance(kind, str) else list(kind)


def _fields(rules: _Rules) -> Schema:
    """Return the fields of the mapping that `rules` describe; none if it is none."""
    fields: Schema = rules.get("schema", {}) if "dict" in _types(rules) else {}
    return fields


def _rules_at(root: _Rules, path: Path_) -> _Rules:
    """Return the rules of the value at `path`, or nothing where the schema has no such place."""
    rules = root
    for part in path:
        if isinstance(part, int):
            rules = rules.get("schema", {})
        elif "valuesrules" in rules:
            rules = rules["valuesrules"]
        else:
            rules = _fields(rules).get(part, {})
    return rules


def _name(path: Path_) -> str:
    """Return how a message names a value: its field, with its place in a list if it is in one."""
    last = path[-1]
    if isinstance(last, str):
        return f"'{last}'"
    field = next((part for part in reversed(path) if isinstance(part, str)), "the list")
    return f"item {last + 1} of '{field}'"


def _inside(path: Path_) -> str:
    return f" in {_name(path[:-1])}" if len(path) > 1 else ""


def _dotted(path: Path_) -> str:
    return ".".join(str(part) for part in path)


def _shown(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case None:
            return "nothing"
        case str():
            return repr(value if len(value) <= 60 else value[:57] + "...")
        case _:
            return str(value)


def _quotes(error: Any) -> str | None:
    """Return the hint for a text that YAML takes for a number or a truth value."""
    if "string" in error.constraint and isinstance(error.value, int):
        return f'put it in quotes: "{_shown(error.value)}"'
    return None


def _unit(error: Any) -> str:
    unit = "character" if isinstance(error.value, str) else "item"
    return unit if error.constraint == 1 else f"{unit}s"


def _hint(rules: _Rules) -> str | None:
    hint: str | None = rules.get("meta", {}).get("hint")
    return hint


def _example(rules: _Rules) -> str | None:
    example = rules.get("meta", {}).get("example")
    return f"for example: {example}" if isinstance(example, str | int) else None


def _either(choices: Sequence[str]) -> str:
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"


def _nearest(word: str, known: Sequence[str]) -> str:
    listed = f"known are: {', '.join(known)}" if known else "take it out"
    return _meant(word, known) or listed


def _meant(word: str, known: Sequence[str]) -> str | None:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else None


def json_schema(schema: Schema, *, title: str, identifier: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) that tells an editor what `schema` tells us."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": identifier,
        "title": title,
        **_json_mapping(schema),
    }


def _json_mapping(schema: Schema) -> dict[str, Any]:
    required = [field for field, rules in schema.items() if rules.get("required")]
    return {
        "type": "object",
        "properties": {field: _json_rules(rules) for field, rules in schema.items()},
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _json_rules(rules: _Rules) -> dict[str, Any]:
    meta = rules.get("meta", {})
    result: dict[str, Any] = {}
    if "description" in meta:
        result["description"] = meta["description"]
    if "example" in meta:
        result["examples"] = [meta["example"]]
    kinds = _types(rules)
    result["type"] = [_TYPE_IN_JSON[kind] for kind in kinds]
    if len(kinds) == 1:
        result["type"] = result["type"][0]
    if "dict" in kinds and "schema" in rules:
        result = _json_mapping(rules["schema"]) | result
    elif "schema" in rules:
        result["items"] = _json_rules(rules["schema"])
    if "valuesrules" in rules:
        result["additionalProperties"] = _json_rules(rules["valuesrules"])
    if "keysrules" in rules:
        result["propertyNames"] = {"pattern": _whole(rules["keysrules"]["regex"])}
    if "allowed" in rules:
        result["enum"] = list(rules["allowed"])
    if "regex" in rules:
        result["pattern"] = _whole(rules["regex"])
    size = "Length" if "string" in kinds else "Items"
    names = {
        "min": "minimum",
        "max": "maximum",
        "minlength": f"min{size}",
        "maxlength": f"max{size}",
    }
    result |= {name: rules[rule] for rule, name in names.items() if rule in rules}
    if rules.get("empty") is False and kinds != ["dict"]:
        result.setdefault(f"min{size}", 1)
    return result


def _whole(pattern: str) -> str:
    return f"^(?:{pattern})$"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a schema as the manual shows it; `path` is like `build.sources[].url`."""

    path: str
    kind: str
    required: bool
    description: str
    example: object


def fields(schema: Schema, *, above: str = "") -> Iterator[Field]:
    """Yield every field of a schema, a mapping's own fields right after it."""
    for name, rules in schema.items():
        meta = rules.get("meta", {})
        path = f"{above}{name}"
        yield Field(
            path,
            _kind(rules),
            bool(rules.get("required")),
            meta.get("description", ""),
            meta.get("example"),
        )
        inner, below = rules, f"{path}."
        if rules.get("type") == "list":
            inner, below = rules.get("schema", {}), f"{path}[]."
        yield from fields(_fields(inner), above=below)


def _kind(rules: _Rules) -> str:
    if "allowed" in rules:
        return " \\| ".join(f"`{choice}`" for choice in rules["allowed"])
    names = {
        "string": "text",
        "integer": "whole number",
        "boolean": "true or false",
        "dict": "mapping",
        "list": f"list of {_kind(rules['schema'])}" if "list" in _types(rules) else "list",
    }
    return " or ".join(names[kind] for kind in _types(rules))


def manual(schema: Schema) -> str:
    """Return the manual of a schema in Markdown: a table for it, and one for every mapping in it."""
    tables: dict[str, list[Field]] = {"": []}
    for field in fields(schema):
        above, _, _ = field.path.rpartition(".")
        tables.setdefault(above, []).append(field)
    parts = []
    for above, rows in tables.items():
        heading = f"### `{above}`\n\n" if above else ""
        lines = ["| Field | Value | Must be there | Meaning |", "|---|---|---|---|"]
        lines += [_row(field) for field in rows]
        parts.append(heading + "\n".join(lines) + "\n")
    return "\n".join(parts)


def _row(field: Field) -> str:
    name = field.path.rpartition(".")[2]
    meaning = field.description.replace("|", "\\|").replace("\n", " ")
    if field.example is not None:
        meaning += f" Example: `{field.example}`".replace("|", "\\|")
    return f"| `{name}` | {field.kind} | {'yes' if field.required else ''} | {meaning} |"
