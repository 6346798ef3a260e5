# SPDX-License-Identifier: BSD-3-Clause
"""Imports the modules of modules.json one by one; `reason` says which could not be, and why."""

import importlib
import json
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Return 0 if every module could be imported."""
    reason = HERE / "reason"
    for name in json.loads((HERE / "modules.json").read_text("utf-8")):
        # it stands there already if the import takes the whole process with it
        reason.write_text(f"{name} cannot be imported: it ended the process", "utf-8")
        try:
            module = importlib.import_module(name)
        except BaseException as err:  # noqa: BLE001 - SystemExit at import is a fault as well
            traceback.print_exc()
            said = f"{type(err).__name__}: {err}".strip().partition("\n")[0]
            reason.write_text(f"{name} cannot be imported: {said}", "utf-8")
            return 1
        version = getattr(module, "__version__", None)
        sys.stdout.write(f"{name}{f' {version}' if isinstance(version, str) else ''}\n")
        sys.stdout.flush()
    reason.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
