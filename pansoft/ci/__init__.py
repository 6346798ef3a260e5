# SPDX-License-Identifier: BSD-3-Clause
"""What a pipeline tells people, on a merge request and beside it.

gitlab    the door to GitLab: one note, commit statuses, labels, issues, merge requests
    note      what is told of a change in one note; markdown: other people's words in it
"""
