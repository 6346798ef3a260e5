# SPDX-License-Identifier: BSD-3-Clause
"""pip that starts no other program: what an index offers is read, and nothing of it is run.

`--only-binary :all:` is about what an index offers. A wheel may require `name @ https://…/name-1.0.tar.gz` or
`name @ git+https://…`, and for that pip would run its build backend, a stranger's program, with our rights
and environment. Python asks audit hooks (PEP 578) before it starts a program, and none can be taken away.
"""

from __future__ import annotations

import sys
from pathlib import Path

_GUARD = """
import runpy, shutil, sys
keyring = shutil.which("keyring")  # where an index wants credentials
begins = ("subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system")
def refuse(event, arguments):
    if event in begins and not (keyring and event == "subprocess.Popen" and arguments[0] == keyring):
        raise PermissionError(f"pip starts no program here ({event})")
sys.addaudithook(refuse)
sys.argv[0] = "pip"
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def command(*arguments: str | Path) -> list[str | Path]:
    """Return the command line of this pip."""
    return [sys.executable, "-P", "-c", _GUARD, *arguments]
