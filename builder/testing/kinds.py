# SPDX-License-Identifier: BSD-3-Clause
"""Which module makes which kind of test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from builder.recipes.recipe import Recipe, Test, TestKind
from builder.testing import command, gpu, gui, imports, mpi, notebook
from builder.testing.trial import Ended, Trial


class Kind(Protocol):
    """What a module of a kind has."""

    def trial(self, test: Test, recipe: Recipe) -> Trial:
        """Return what is run."""

    def fault(self, test: Test, ended: Ended) -> str | None:
        """Return why it failed, or None."""

    def evidence(self, ended: Ended) -> Mapping[str, bytes]:
        """Return what is kept beside the report, by file name."""


KINDS: Mapping[TestKind, Kind] = {
    TestKind.COMMAND: command,
    TestKind.IMPORT: imports,
    TestKind.GUI: gui,
    TestKind.NOTEBOOK: notebook,
    TestKind.GPU: gpu,
    TestKind.MPI: mpi,
}
