# SPDX-License-Identifier: BSD-3-Clause
"""`python -m pansoft` is `pansoft`."""

from pansoft.cli import main

main()
