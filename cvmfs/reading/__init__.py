# SPDX-License-Identifier: BSD-3-Clause
"""Reading a repository with nothing trusted but its master public key.

    cache       objects that were fetched before, verified again, up to a quota
    remembered  the newest revision that was seen, over restarts and without a server
    contents    contents of objects at hand, for reading parts of them
    ahead       fetching in the background what will be wanted next
    reader      read and verify from the public key upward
    unverified  the files that carry signatures of their own, before there is a key
    snapshots   the tree of one revision, by number, tag or date
    difference  what differs between two trees

A caller begins with `reader.open_reader`.
"""
