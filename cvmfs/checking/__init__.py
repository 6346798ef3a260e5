# SPDX-License-Identifier: BSD-3-Clause
"""Everything a repository consists of, held against every rule of the format.

    catalog_rules  what holds for one catalog as a database
    seen           a set of objects that may be larger than memory
    check          every rule of the format, over everything

A caller begins with `check.check`.
"""
