# SPDX-License-Identifier: BSD-3-Clause
"""Whatever a text holds, it is read back from YAML as the same text, and nothing beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import strict_yaml, yaml_text

TEXTS = [
    "a: b",
    '" : {x: 1} #',
    "- item",
    "yes",
    "1.10",
    "& * ! | > % @ `",
    "back\\slash \\n",
    "x" * 5000,
    "é ∞ 日本 🔬",
    "!!python/object/apply:os.system [id]",
    "---\nname: other\n...\n",
    "  leading\n   more\n",
    "trailing  \n\n\n",
    "a\n\nb\n",
    "<<: *x\n",
    "no\xa0break",
]


def read(tmp_path: Path, text: str) -> dict[str, strict_yaml.Value]:
    file = tmp_path / "text.yaml"
    file.write_text(text, encoding="utf-8")
    return strict_yaml.load(file).value


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_in_quotes_is_one_line_and_itself(tmp_path: Path, text: str) -> None:
    written = yaml_text.quoted(text)

    assert "\n" not in written
    assert read(tmp_path, f"said: {written}\nlast: 1\n") == {"said": text, "last": 1}


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_of_several_lines_is_itself(tmp_path: Path, text: str) -> None:
    written = yaml_text.block("said", text)

    assert read(tmp_path, f"first: 1\n{written}\nlast: 1\n") == {
        "first": 1,
        "said": text,
        "last": 1,
    }


def test_a_plain_text_reads_well() -> None:
    assert yaml_text.block("said", "One.\n\nTwo: 2.\n") == "said: |\n  One.\n\n  Two: 2."
