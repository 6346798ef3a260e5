# SPDX-License-Identifier: BSD-3-Clause
"""Licence expressions as SPDX writes them, and nothing that only resembles them."""

from __future__ import annotations

import pytest

from core import spdx


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("MIT", ("MIT",)),
        ("gnuplot", ("gnuplot",)),
        ("MPL-2.0 OR LGPL-3.0-or-later", ("LGPL-3.0-or-later", "MPL-2.0")),
        ("MIT AND (BSD-3-Clause OR MIT)", ("BSD-3-Clause", "MIT")),
        ("GPL-2.0-or-later WITH Classpath-exception-2.0", ("GPL-2.0-or-later",)),
        ("LicenseRef-CCP4 AND Zlib", ("LicenseRef-CCP4", "Zlib")),
    ],
)
def test_an_expression_names_its_licences(text: str, keys: tuple[str, ...]) -> None:
    expression = spdx.parse(text)

    assert expression.is_valid
    assert expression.keys == keys


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("mit", "SPDX has no licence 'mit'; did you mean 'MIT'?"),
        ("Apache 2.0", "SPDX has no licence 'Apache 2.0'; did you mean 'Apache-2.0'?"),
        ("GPL-3.0", "SPDX no longer has 'GPL-3.0'; write 'GPL-3.0-only'"),
        ("GPL-2.0+", "SPDX no longer has 'GPL-2.0+'; write 'GPL-2.0-or-later'"),
        ("MIT and Zlib", "write 'and' as AND"),
        ("Zlib WITH MIT", "'MIT' is a licence, not an exception"),
        ("Classpath-exception-2.0", "is an exception; write it after WITH"),
        ("MIT AND", "'MIT AND' is not a licence expression: AND requires two or more"),
        ("(MIT", "'(MIT' is not a licence expression"),
        ("()", "'()' is not a licence expression"),
        ("MIT / Zlib", "'MIT / Zlib' is not a licence expression"),
        ("", "it is empty"),
    ],
)
def test_what_only_resembles_one_is_explained(text: str, problem: str) -> None:
    expression = spdx.parse(text)

    assert problem in expression.problems[0]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("bsd-3-clause", "BSD-3-Clause"),
        ("mit or (apache-2.0 and gpl-2.0+)", "MIT OR (Apache-2.0 AND GPL-2.0-or-later)"),
        ("GPL-2.0-only with classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("LicenseRef-Mine", "LicenseRef-Mine"),
        ("BSD", None),
        ("mit or", None),
        ("", None),
    ],
)
def test_what_is_nearly_an_expression_becomes_one(written: str, said: str | None) -> None:
    assert spdx.canonical(written) == said
