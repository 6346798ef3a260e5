# SPDX-License-Identifier: BSD-3-Clause
"""Starts the kernel `pansoft` and runs the text of `cell` in it, as a notebook does.

Prints what the cell prints. Leaves `notebook.ipynb` (nbformat 4.5, the cell and its outputs), and
`reason` if the kernel did not come up or the cell failed.
"""

import importlib
import json
import re
import sys
import traceback
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
COLOURS = re.compile("\x1b\\[[0-9;]*m")


class Failed(Exception):
    """The cell could not be run to its end; the message says why."""


def main() -> int:
    """Return 0 if the cell ran to its end."""
    limit_s = float(sys.argv[1])
    source = (HERE / "cell").read_text("utf-8")
    outputs: list[dict[str, Any]] = []
    try:
        run(source, outputs, limit_s)
    except Failed as err:
        (HERE / "reason").write_text(str(err), "utf-8")
        return 1
    finally:
        cell = {
            "cell_type": "code", "execution_count": 1, "id": "cell", "metadata": {},
            "outputs": outputs, "source": source,
        }  # fmt: skip
        whole = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (HERE / "notebook.ipynb").write_text(json.dumps(whole, indent=1), "utf-8")
    return 0


def run(source: str, outputs: list[dict[str, Any]], limit_s: float) -> None:
    """Run a cell in a fresh kernel and add what it gives to `outputs`."""
    try:
        client_module = importlib.import_module("jupyter_client.manager")
    except ImportError as err:
        raise Failed(f"the kernel cannot be talked to: {err}; the package needs ipykernel") from err
    manager = client_module.KernelManager(kernel_name="pansoft", transport="ipc")
    try:
        manager.start_kernel()
        client = manager.blocking_client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=limit_s)
            reply = client.execute_interactive(
                source, timeout=limit_s, allow_stdin=False,
                output_hook=lambda message: tell(message, outputs),
            )  # fmt: skip
        finally:
            client.stop_channels()
    except TimeoutError as err:
        raise Failed(f"the kernel did not answer within {limit_s:.0f} s") from err
    except Exception as err:
        traceback.print_exc()
        raise Failed(f"the kernel did not start: {str(err).strip() or type(err).__name__}") from err
    finally:
        if manager.has_kernel:
            manager.shutdown_kernel(now=True)
    content = reply["content"]
    if content["status"] != "ok":
        said = f"{content.get('ename', content['status'])}: {content.get('evalue', '')}"
        raise Failed(f"the cell failed: {said}")


def tell(message: dict[str, Any], outputs: list[dict[str, Any]]) -> None:
    """Print one output of the cell and keep it in the form of a notebook."""
    kind, content = message["msg_type"], message["content"]
    if kind == "stream":
        text = content["text"]
        outputs.append({"output_type": kind, "name": content["name"], "text": text})
    elif kind in {"execute_result", "display_data"}:
        text = content["data"].get("text/plain", "") + "\n"
        kept = {"output_type": kind, "data": content["data"], "metadata": content["metadata"]}
        if kind == "execute_result":
            kept["execution_count"] = content["execution_count"]
        outputs.append(kept)
    elif kind == "error":
        text = COLOURS.sub("", "\n".join(content["traceback"])) + "\n"
        names = ("ename", "evalue", "traceback")
        outputs.append({"output_type": kind} | {name: content[name] for name in names})
    else:
        return
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
