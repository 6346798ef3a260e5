# SPDX-License-Identifier: BSD-3-Clause
"""A decision again, in the words of the one rule: what it asked and saw, and what would change the answer.

- `asked`: what the policy says in the sections that a rule looks at, with the line
- `seen`: what the evidence says in the fields that it looks at
- `turning`: when the answer changes by itself, because time passes
- `ways`: what people can do about a no
- `explanation`: all of it, of one rule
"""
