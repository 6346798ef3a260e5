# SPDX-License-Identifier: BSD-3-Clause
"""The command line and the loop that makes the repository equal to git.

- `cli`, `commands/`: the program; a verb is a module that parses, calls one function and prints
- `context`, `workspace`: which project, which state, which recipes; `provenance`: of which commit
- `rebuild`: the same image again, in a clean state
- `planning`: what is to be done; `loop`: doing it; `publish`, `published`, `embedded`: the repository
- `turns`: one run at a time; `journal`: who published what and when; `forward`: not back
- `reports/`: what is told of plans and runs, to people and programs; `ci/`: on a merge request
- `site/`: the partner's side, from the federation's root to "may I run this, and why"
- `policy_check`: what the trust policy will say, before anything is built
- `doctor`: what the machine can do; `demo`: the whole way on one machine
- `clock`: the only place that reads the time
"""

__version__ = "0.1.0"
