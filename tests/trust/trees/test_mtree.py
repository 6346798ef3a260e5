# SPDX-License-Identifier: BSD-3-Clause
"""Names as mtree(5) writes them: any bytes, one spelling."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trust.trees import mtree


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("usr/lib/python3.11/x.py", "usr/lib/python3.11/x.py"),
        ("a b", "a\\040b"),
        ("two\nlines", "two\\012lines"),
        ("back\\slash", "back\\134slash"),
        ("#=*?[]", "\\043\\075\\052\\077\\133\\135"),
        ("Főtanúsítvány", "F\\305\\221tan\\303\\272s\\303\\255tv\\303\\241ny"),
        (os.fsdecode(b"latin-1 \xe9"), "latin-1\\040\\351"),
    ],
)
def test_a_name_is_one_word_of_ascii(name: str, text: str) -> None:
    assert mtree.encode(name) == text
    assert mtree.decode(text) == name


@given(st.binary())
def test_every_name_comes_back(raw: bytes) -> None:
    name = os.fsdecode(raw)

    assert mtree.decode(mtree.encode(name)) == name


@pytest.mark.parametrize("text", ["\\141", "a b", "\\", "\\9", "\\777", "\\40", "é", "a\n"])
def test_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(mtree.NotAName):
        mtree.decode(text)
