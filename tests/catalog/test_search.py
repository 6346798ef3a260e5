# SPDX-License-Identifier: BSD-3-Clause
"""Words find packages: by name, by command, by technique and its other names, all of them at once."""

from __future__ import annotations

import pytest

from catalog.search import fold, search
from tests.catalog import samples


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((), ["hdf5-tools", "phaser", "pyfai", "zz-hostile"]),
        (("h5dump",), ["hdf5-tools"]),
        (("SAXS",), ["pyfai"]),
        (("small angle", "gpu"), ["pyfai"]),
        (("gpu",), ["phaser", "pyfai"]),
        (("gpu", "nothing of the kind"), []),
        (("Pyfai",), ["pyfai"]),
        (("lgpl-2.1",), []),
    ],
)
def test_all_words_must_occur(words: tuple[str, ...], found: list[str]) -> None:
    assert [entry.name for entry in search(samples.everything(), words)] == found


def test_a_name_counts_more_than_a_mention() -> None:
    mention = samples.entry("aaa", "1", title="Aaa", summary="reads what pyFAI wrote")

    found = search([mention, samples.pyfai()], ["pyfai"])

    assert [entry.name for entry in found] == ["pyfai", "aaa"]


def test_accents_and_capitals_do_not_matter() -> None:
    assert fold("  Röntgen \n ÉCLAIR ") == "rontgen eclair"
