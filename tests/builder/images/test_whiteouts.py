# SPDX-License-Identifier: BSD-3-Clause
"""What a layer repeats of those below it is dropped, and nothing that would then look otherwise."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from builder.images.scripts.whiteouts import drop_same_files


@pytest.fixture
def layers(tmp_path: Path) -> tuple[Path, Path]:
    upper, below = tmp_path / "upper", tmp_path / "below"
    for layer in (upper, below):
        (layer / "etc").mkdir(parents=True)
        (layer / "etc" / "same").write_text("same")
    return upper, below


def test_a_file_that_differs_in_its_time_alone_is_dropped(layers: tuple[Path, Path]) -> None:
    upper, below = layers
    os.utime(below / "etc" / "same", (1, 1))

    drop_same_files(upper, below)

    assert list((upper / "etc").iterdir()) == []


def test_what_would_look_otherwise_stays(layers: tuple[Path, Path]) -> None:
    upper, below = layers
    (upper / "etc" / "same").chmod(0o755)
    for name, text in {"new": "new", "other": "text", "link": "same", "name": "two"}.items():
        (upper / "etc" / name).write_text(text)
        if name != "new":
            (below / "etc" / name).write_text(text)
    (below / "etc" / "other").write_text("TEXT")
    (below / "etc" / "link").unlink()
    (below / "etc" / "link").symlink_to("same")
    os.link(upper / "etc" / "name", upper / "etc" / "second name")

    drop_same_files(upper, below)

    left = {path.name for path in (upper / "etc").iterdir()}
    assert left == {"same", "new", "other", "link", "name", "second name"}


def test_a_folder_in_the_place_of_a_link_is_not_what_the_link_leads_to(
    layers: tuple[Path, Path],
) -> None:
    upper, below = layers
    (below / "alias").symlink_to("etc")
    (upper / "alias").mkdir()
    (upper / "alias" / "same").write_text("same")

    drop_same_files(upper, below)

    assert (upper / "alias" / "same").exists()
