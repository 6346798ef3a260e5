# SPDX-License-Identifier: BSD-3-Clause
"""YAML without its surprises, and every refusal with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import strict_yaml
from core.errors import InvalidInput

FILE = Path("recipe.yaml")


def problems_of(text: str | bytes) -> list[str]:
    raw = text.encode() if isinstance(text, str) else text
    with pytest.raises(InvalidInput) as caught:
        strict_yaml.loads(raw, FILE)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1.10", "1.10"),
        ("no", "no"),
        ("12:30:45", "12:30:45"),
        ("0755", "0755"),
        ("1e3", "1e3"),
        ("2026-11-22", "2026-11-22"),
        ("0x1F", "0x1F"),
        ("113", 113),
        ("-4", -4),
        ('"113"', "113"),
        ("true", True),
        ("True", "True"),
        ("'true'", "true"),
        ("null", None),
        ("~", None),
        ("", None),
        ("[a, 1]", ["a", 1]),
        ("9" * 40, "9" * 40),
    ],
)
def test_a_value_is_what_it_looks_like(written: str, value: object) -> None:
    document = strict_yaml.loads(f"field: {written}\n".encode(), FILE)

    assert document.value == {"field": value}


def test_every_value_and_every_key_has_its_place() -> None:
    document = strict_yaml.loads(b"build:\n  apt:\n    - gnuplot\n    - hdf5-tools\n", FILE)

    value = document.positions["build", "apt", 1]
    key = document.keys["build", "apt"]

    assert (value.line, value.column) == (4, 7)
    assert (key.line, key.column) == (2, 3)
    assert document.where(("build", "apt", 7, "name")) == document.positions["build", "apt"]
    assert document.where_key(("build", "apt", 0)) == document.positions["build", "apt", 0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a: 1\nb: 2\na: 3\n",
            "3:1: yaml-duplicate: 'a' stands here a second time, first on line 1",
        ),
        ("a: &x 1\nb: *x\n", "1:4: yaml-alias: anchor '&x' is not allowed"),
        ("a: &a [*a]\n", "1:4: yaml-alias: anchor '&a' is not allowed"),
        ("<<: {a: 1}\n", "1:1: yaml-alias: merge keys are not allowed"),
        ("a: !!python/object:os.system 1\n", "1:4: yaml-tag: tag "),
        ("1: a\n", "1:1: yaml-key: a key must be text"),
        ("? [a]\n: 1\n", "1:3: yaml-key: a key must be text"),
        ("- a\n", "1:1: yaml-single: the document must be a mapping of fields to values"),
        ("", "1:1: yaml-single: the document must be a mapping of fields to values"),
        ("a: 1\n---\nb: 2\n", "2:1: yaml-single: a second document begins here"),
        ("a: [1\n", "2:1: yaml-syntax: "),
        ("a: b: c\n", "1:5: yaml-syntax: mapping values are not allowed in this context"),
        ("a: \t@\n", "yaml-syntax"),
        ("a: \x07\n", "1:1: yaml-encoding: character"),
        (b"name: \xff\n", "1:7: yaml-encoding: byte 0xff is not UTF-8"),
        ("a: " + "[" * 50 + "]" * 50 + "\n", "yaml-depth: nested deeper than 20 levels"),
        (b"x" * (1 << 20), "1:1: yaml-size: the file is larger than 256 KiB"),
        (bytes(range(256)) * 4096, "1:1: yaml-size: the file is larger than 256 KiB"),
    ],
)
def test_a_surprise_is_refused_with_its_place(text: str | bytes, expected: str) -> None:
    first = problems_of(text)[0]

    assert first.startswith("recipe.yaml:")
    assert expected in first


def test_a_bomb_is_refused_before_it_is_unfolded() -> None:
    levels = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]

    found = problems_of("\n".join(levels) + "\n")

    assert all(": yaml-alias: " in problem for problem in found)


def test_all_problems_come_at_once() -> None:
    found = problems_of("a: 1\na: 2\nb: 3\nb: 4\n1: 5\n")

    assert [problem.split(": ")[1] for problem in found] == [
        "yaml-duplicate",
        "yaml-duplicate",
        "yaml-key",
    ]


def test_a_missing_file_is_a_problem_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        strict_yaml.load(tmp_path / "none.yaml", shown_as=Path("none.yaml"))

    assert str(caught.value.problems[0]).startswith(
        "none.yaml:1:1: file-unreadable: cannot be read"
    )
