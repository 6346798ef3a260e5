# SPDX-License-Identifier: BSD-3-Clause
"""What starts a published program: each module turns a channel into files, `registry` lists them.

- `profile`: a channel with its choices made, and the files a profile is
- `wrappers`: `bin/<command>` and the launcher `pansoft-run`
- `setup_sh`: `setup.sh`, the one line a user sources
- `desktop`: menu entries
- `jupyter`: notebook kernels
"""

from catalog.profiles.profile import Conflict, Files, ProfileFile, in_words
from catalog.profiles.registry import Profiles, profiles_for

__all__ = ["Conflict", "Files", "ProfileFile", "Profiles", "in_words", "profiles_for"]
