# SPDX-License-Identifier: BSD-3-Clause
"""Equal values have equal texts and hashes."""

from __future__ import annotations

import pytest

from core.canonical import canonical_json, readable_json, sha256_of


def test_the_order_of_keys_does_not_matter() -> None:
    assert canonical_json({"b": [1, "é"], "a": None}) == '{"a":null,"b":[1,"é"]}'.encode()
    assert sha256_of({"b": 1, "a": 2}) == sha256_of({"a": 2, "b": 1})


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


def test_the_readable_text_ends_with_a_newline() -> None:
    assert readable_json({"a": 1}) == '{\n  "a": 1\n}\n'
