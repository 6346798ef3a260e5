# SPDX-License-Identifier: BSD-3-Clause
"""Known vulnerabilities of what is published, looked for again without building anything.

- `holdings`: which components there are and which packages hold them, from bills or from locks
- `sources/`: who knows of vulnerabilities, a module each: `ask(components, asking) -> Answer`
- `scan`: asks them all about every component once, and lays what they say side by side
- `waived`: what the policy says does no harm, and what it said until a day that is over
- `remedies`: what to do about it
- `text`, `issue`: the answer for people, for programs, and as an issue of GitLab
"""
