# SPDX-License-Identifier: BSD-3-Clause
"""Definition files: what spython writes and reads of them, and what it must not change."""

from __future__ import annotations

import pytest

from builder.recipes.definition import Definition, definition_text, parsed
from core.errors import UserError

SCRIPT = ("cat > page <<'END'", "  indented", "", "USER=somebody", "END", "if true; then", "fi")

TEXT = """\
# a comment
Bootstrap: localimage
From: /bases/Debian.sif

%arguments
    apt=

%files
files/icon /.pansoft/icon

%labels
title a word

%post
cat > page <<'END'
  indented

USER=somebody
END
if true; then
fi

%environment
export PATH='/opt/a b/bin'

%runscript
exec "$@"

%startscript
exec "$@"

%test
page --help
"""


def definition(
    post: tuple[str, ...] = SCRIPT, test: tuple[str, ...] = ("page --help",)
) -> Definition:
    return Definition(
        header=(("Bootstrap", "localimage"), ("From", "/bases/Debian.sif")),
        arguments=(("apt", ""),),
        files=(("files/icon", "/.pansoft/icon"),),
        labels=(("title", "a word"),),
        environment=(("PATH", "'/opt/a b/bin'"),),
        post=post,
        test=test,
        comment=("a comment",),
    )


def test_a_definition_is_written_with_its_scripts_as_they_are() -> None:
    assert definition_text(definition()) == TEXT


def test_a_definition_is_read_back() -> None:
    assert parsed(TEXT) == {
        "header": ("Bootstrap: localimage", "From: /bases/Debian.sif"),
        "%arguments": ("apt=",),
        "%files": ("files/icon /.pansoft/icon",),
        "%labels": ("title a word",),
        "%environment": ("PATH='/opt/a b/bin'",),
        "%post": tuple(line.strip() for line in SCRIPT if line),
        "%runscript": ('exec "$@"',),
        "%test": ("page --help",),
    }


@pytest.mark.parametrize("line", ["%post", "  %test", "Bootstrap: docker", "echo bootstrap: now"])
def test_a_line_that_would_begin_something_else_is_refused(line: str) -> None:
    with pytest.raises(UserError, match="cannot be said in a definition file"):
        definition_text(definition(post=("true", line, "true")))
    with pytest.raises(UserError, match="cannot be said in a definition file"):
        definition_text(definition(test=("true", line, "true")))
