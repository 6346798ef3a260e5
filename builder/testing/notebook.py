# SPDX-License-Identifier: BSD-3-Clause
"""The kind `notebook`: the package's kernel is started from its kernelspec and runs a cell.

What talks to the kernel is `jupyter_client` of the image, which `ipykernel` brings, over sockets in
the test's own folder: there is no network.
"""

from __future__ import annotations

from collections.abc import Mapping

from builder.recipes.recipe import Jupyter, Recipe, Test
from builder.testing.expected import fault
from builder.testing.trial import HARNESS, TIMEOUT_S, Ended, Trial, around, left, script, scripted
from core.canonical import readable_json

__all__ = ["evidence", "fault", "trial"]

_AROUND_S = 30.0  # so that it is the harness that says what took too long


def trial(test: Test, recipe: Recipe) -> Trial:
    """Return what runs the cell, or the test's script."""
    jupyter = recipe.runtime.jupyter
    if test.cell is None or jupyter is None:
        return scripted(test, recipe)
    limit_s = test.timeout_s or TIMEOUT_S
    return around(
        test,
        (jupyter.python, f"{HARNESS}/notebook.py", str(limit_s)),
        files={
            "notebook.py": script("notebook.py"),
            "cell": test.cell,
            "jupyter/kernels/pansoft/kernel.json": readable_json(_kernelspec(jupyter)),
        },
        timeout_s=limit_s + _AROUND_S,
        environment={"JUPYTER_PATH": f"{HARNESS}/jupyter"},
    )


def _kernelspec(jupyter: Jupyter) -> dict[str, object]:
    """Return the kernelspec that the channel offers, without the launcher that starts the image."""
    return {
        "argv": [jupyter.python, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": jupyter.display_name,
        "language": jupyter.language,
    }


def evidence(ended: Ended) -> Mapping[str, bytes]:
    """Return the notebook with its output, if the kernel came that far."""
    notebook = left(ended.harness, "notebook.ipynb")
    return {} if notebook is None else {"notebook.ipynb": notebook}
