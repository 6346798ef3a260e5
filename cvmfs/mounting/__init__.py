# SPDX-License-Identifier: BSD-3-Clause
"""A repository mounted read-only by FUSE, as the genuine client shows it.

    attributes  what a mount says by extended attributes
    follow      following new revisions in the background
    filesystem  the FUSE operations, read-only
    mount       the mount process, and starting and stopping it

A caller begins with `mount.start_mount`; `python -m cvmfs.mounting.mount` is the process behind it.
"""
