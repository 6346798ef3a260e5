# SPDX-License-Identifier: BSD-3-Clause
"""The kind `mpi`: the same script in two processes, which the image's own `mpirun` starts.

Each process says which rank it is of how many, before its script runs. That both worked together
is what the recipe's own expectation shows.
"""

from __future__ import annotations

from builder.recipes.recipe import Recipe, Test
from builder.testing import expected
from builder.testing.command import evidence
from builder.testing.trial import HARNESS, Ended, Trial, around, left

__all__ = ["RANKS", "evidence", "fault", "trial"]

RANKS = 2


def trial(test: Test, recipe: Recipe) -> Trial:  # noqa: ARG001
    """Return what runs the script in two processes, also on a machine with one core."""
    return around(
        test,
        ("sh", f"{HARNESS}/mpi.sh", str(RANKS)),
        scripts=("mpi.sh", "rank.sh"),
        environment={
            "OMPI_MCA_rmaps_base_oversubscribe": "1",
            "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
            "OMP_NUM_THREADS": "1",
        },
    )


def fault(test: Test, ended: Ended) -> str | None:
    """Return why the test failed, or None."""
    if ended.reason is not None:
        return ended.reason
    sizes = [left(ended.harness, f"ranks/{rank}") for rank in range(RANKS)]
    if sizes != [f"{RANKS}\n".encode()] * RANKS:
        said = ", ".join(
            f"rank {rank} of {size.decode('ascii', 'replace').strip()[:20]}"
            for rank, size in enumerate(sizes)
            if size is not None
        )
        status = f"mpirun ended with status {ended.status}"
        return f"mpirun did not start {RANKS} processes that know of each other: {said or status}"
    return expected.fault(test, ended)
