# SPDX-License-Identifier: BSD-3-Clause
"""Whether a test ended, printed and left what its recipe expects of it."""

from __future__ import annotations

import re

from builder.recipes.recipe import ExpectedFile, Test
from builder.testing.trial import Ended, left


def fault(test: Test, ended: Ended) -> str | None:
    """Return the first thing that is not as it was expected, or None.

    What the harness says comes first, then the status, the outputs, the files.
    """
    if ended.reason is not None:
        return ended.reason
    if ended.status != test.status:
        return _wrong_status(test, ended)
    return printed(test, ended) or next(
        (what for file in test.files if (what := _wrong_file(file, ended))), None
    )


def printed(test: Test, ended: Ended) -> str | None:
    """Return what was expected in the outputs and is not there, or None."""
    for text in test.expect:
        if text not in ended.output:
            return f"did not print {text!r}"
    for pattern, said, name in (
        (test.stdout, ended.stdout, "standard output"),
        (test.stderr, ended.stderr, "standard error"),
    ):
        if pattern is not None and not re.search(pattern, said, re.MULTILINE):
            return f"nothing on its {name} matches {pattern!r}"
    return None


def _wrong_status(test: Test, ended: Ended) -> str:
    found = f"ended with status {ended.status}"
    return found if test.status == 0 else f"{found}, {test.status} was expected"


def _wrong_file(file: ExpectedFile, ended: Ended) -> str | None:
    content = left(ended.work, file.path)
    if content is None:
        return f"left no file {file.path}"
    if len(content) < file.size:
        return f"left {len(content)} bytes in {file.path}, at least {file.size} were expected"
    if file.pattern is None:
        return None
    text = content.decode("utf-8", "replace")
    if re.search(file.pattern, text, re.MULTILINE):
        return None
    return f"nothing in {file.path} matches {file.pattern!r}"
