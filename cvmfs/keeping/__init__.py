# SPDX-License-Identifier: BSD-3-Clause
"""Which revisions are kept, and the removal of what no kept one reaches.

    retention  which revisions are kept: rules over tags
    collect    what no kept revision reaches is removed

A caller begins with `collect.collect`.
"""
