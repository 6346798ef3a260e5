# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci image` refuses before it fetches anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from pansoft import cli


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nowhere to put the image"),
        (("--push", "/ci:latest"), "an image cannot be pushed as '/ci:latest'"),
        (("--push", "registry.example.org/facility"), "cannot be pushed as"),
        (("--push", "registry.example.org/Facility/ci:1"), "cannot be pushed as"),
        (("--push", "ci:latest"), "cannot be pushed as"),
    ],
    ids=["nowhere", "a project without a registry", "no tag", "capitals", "no registry"],
)
def test_what_it_cannot_do_it_says_first(
    arguments: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = cli.invoke(["--state", str(tmp_path / "state"), "ci", "image", *arguments])

    assert status == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "state").exists()
