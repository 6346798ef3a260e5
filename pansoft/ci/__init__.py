# SPDX-License-Identifier: BSD-3-Clause
"""What a pipeline tells people, on a merge request and beside it.

pipeline  the child pipeline that builds and tests what a branch changes
gitlab    the door to GitLab: one note, commit statuses, labels, issues, merge requests
    note      what is told of a change in one note; markdown: other people's words in it
"""
