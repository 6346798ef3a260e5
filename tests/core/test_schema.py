# SPDX-License-Identifier: BSD-3-Clause
"""One schema that validates, tells editors and is the manual."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from core import strict_yaml
from core.schema import Schema, fields, json_schema, manual, validate

SCHEMA: Schema = {
    "schema": {"type": "integer", "allowed": [1], "required": True, "meta": {"description": "v"}},
    "name": {
        "type": "string",
        "regex": "[a-z]+",
        "required": True,
        "meta": {"description": "The name.", "example": "abc", "pattern": "lower-case letters"},
    },
    "kind": {"type": "string", "allowed": ["command", "import"], "meta": {"description": "Kind."}},
    "cpus": {"type": "integer", "min": 1, "max": 8, "meta": {"description": "CPUs."}},
    "mpi": {"type": "boolean", "meta": {"description": "MPI."}},
    "commands": {
        "type": "list",
        "minlength": 1,
        "schema": {
            "type": ["string", "dict"],
            "regex": "[a-z]+",
            "schema": {
                "name": {
                    "type": "string",
                    "required": True,
                    "meta": {"description": "Its name.", "hint": "write a name"},
                }
            },
        },
        "meta": {"description": "The commands."},
    },
    "environment": {
        "type": "dict",
        "keysrules": {"type": "string", "regex": "[A-Z]+", "meta": {"pattern": "capitals"}},
        "valuesrules": {"type": "string"},
        "meta": {"description": "Variables."},
    },
}
GOOD = "schema: 1\nname: abc\n"


def found(text: str) -> list[str]:
    document = strict_yaml.loads(text.encode(), Path("r.yaml"))
    return [f"{problem} | {problem.hint}" for problem in validate(document, SCHEMA)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "name: abc\n",
            "r.yaml:1:1: schema-required: the field 'schema' is missing | None",
        ),
        (
            "schema: 1\n",
            "r.yaml:1:1: schema-required: the field 'name' is missing | for example: abc",
        ),
        (
            GOOD + "cpu: 1\n",
            "r.yaml:3:1: schema-unknown: there is no field 'cpu' | did you mean 'cpus'?",
        ),
        (
            "schema: 1\nname: 113\n",
            "r.yaml:2:7: schema-type: 'name' must be text, not 113 | put it in quotes: \"113\"",
        ),
        (
            "schema: 1\nname: true\n",
            "r.yaml:2:7: schema-type: 'name' must be text, not true | put it in quotes: \"true\"",
        ),
        (
            GOOD + "mpi: yes\n",
            "r.yaml:3:6: schema-type: 'mpi' must be true or false, not 'yes' | None",
        ),
        (
            GOOD + "cpus: true\n",
            "r.yaml:3:7: schema-type: 'cpus' must be a whole number, not true | None",
        ),
        (
            GOOD + "cpus:\n",
            "r.yaml:3:6: schema-type: 'cpus' has no value | write a value, or take the field out",
        ),
        (GOOD + "cpus: 0\n", "r.yaml:3:7: schema-value: 'cpus' must be at least 1 | None"),
        (GOOD + "cpus: 9\n", "r.yaml:3:7: schema-value: 'cpus' must be at most 8 | None"),
        (
            GOOD + "kind: comand\n",
            "r.yaml:3:7: schema-value: 'kind' must be command or import, not 'comand' "
            "| did you mean 'command'?",
        ),
        (
            "schema: 1\nname: Abc\n",
            "r.yaml:2:7: schema-pattern: 'name' must be lower-case letters, not 'Abc' "
            "| for example: abc",
        ),
        (
            'schema: 1\nname: "abc\\n"\n',
            "r.yaml:2:7: schema-pattern: 'name' must be lower-case letters, not 'abc\\n' "
            "| for example: abc",
        ),
        (
            GOOD + "commands: []\n",
            "r.yaml:3:11: schema-value: 'commands' needs at least 1 item | None",
        ),
        (
            GOOD + "commands:\n  - 7\n",
            "r.yaml:4:5: schema-type: item 1 of 'commands' must be text or a mapping of fields to "
            'values, not 7 | put it in quotes: "7"',
        ),
        (
            GOOD + "commands:\n  - ok\n  - {}\n",
            "r.yaml:5:5: schema-required: the field 'name' is missing in item 2 of 'commands' "
            "| write a name",
        ),
        (
            GOOD + "environment:\n  A: 1\n",
            "r.yaml:4:6: schema-type: 'A' must be text, not 1 | put it in quotes: \"1\"",
        ),
        (
            GOOD + "environment:\n  a: x\n",
            "r.yaml:4:3: schema-pattern: 'a' must be capitals, not 'a' | None",
        ),
    ],
)
def test_a_fault_has_its_place_its_rule_and_a_hint(text: str, problem: str) -> None:
    assert found(text) == [problem]


def test_all_faults_come_at_once_in_the_order_of_the_file() -> None:
    rules = [line.split(": ")[1] for line in found("schema: 2\nnam: x\ncpus: many\n")]

    assert rules == ["schema-required", "schema-value", "schema-unknown", "schema-type"]


def test_the_json_schema_is_one_and_refuses_what_we_refuse() -> None:
    made = json_schema(SCHEMA, title="Test", identifier="urn:test")
    validator = jsonschema.Draft202012Validator(made)
    jsonschema.Draft202012Validator.check_schema(made)

    assert validator.is_valid({"schema": 1, "name": "abc", "commands": ["a", {"name": "b"}]})
    for bad in (
        {"schema": 2, "name": "abc"},
        {"schema": 1, "name": "Abc"},
        {"schema": 1, "name": "abc", "cpus": 0},
        {"schema": 1, "name": "abc", "commands": []},
        {"schema": 1, "name": "abc", "commands": [{}]},
        {"schema": 1, "name": "abc", "environment": {"a": "x"}},
        {"schema": 1, "name": "abc", "more": 1},
        {"schema": 1},
    ):
        assert not validator.is_valid(bad), bad


def test_the_fields_are_listed_with_their_paths() -> None:
    paths = [field.path for field in fields(SCHEMA)]

    assert paths == [
        "schema", "name", "kind", "cpus", "mpi", "commands", "commands[].name", "environment",
    ]  # fmt: skip


def test_the_manual_has_a_table_for_each_mapping() -> None:
    text = manual(SCHEMA)

    assert "| `name` | text | yes | The name. Example: `abc` |" in text
    assert "| `kind` | `command` \\| `import` |  | Kind. |" in text
    assert "### `commands[]`" in text


def test_thousands_of_faults_are_not_told_and_take_no_time() -> None:
    unknown = found(GOOD + "".join(f"f{n}: 1\n" for n in range(20_000)))
    wrong = found(GOOD + "commands:\n" + "  - 1\n" * 20_000)

    assert len(unknown) == len(wrong) == 100


def test_a_thousand_good_items_take_no_time() -> None:
    assert found(GOOD + "commands:\n" + "  - ok\n  - {name: ok}\n" * 5_000) == []
