# SPDX-License-Identifier: BSD-3-Clause
"""Through what a publication goes; each way is one file with one class of the same shape.

    backend        what every way can do, and what a publisher fills
    native         our own writer, into a storage
    cvmfs_server   the genuine program of a facility's publishing machine
    mounted_tree   changes to the mounted tree of that program's transaction
    gateway        a facility's repository gateway, which signs for many publishers
    leased         transactions and catalogs below a gateway's lease

Whoever publishes fills an open transaction and does not know which way it goes. Adding a way: a file here.
"""
