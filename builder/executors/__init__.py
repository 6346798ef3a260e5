# SPDX-License-Identifier: BSD-3-Clause
"""Who runs builds: plans go in, and how each went comes out.

- `executor`: what every executor is given and yields
- `local`: threads of this process
"""
