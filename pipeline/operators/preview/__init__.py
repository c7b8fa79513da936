"""Preview: what a merge of two accounts would do, planned by the job's own plans, and written by nobody.

`accounts` and `planning` read, `preview` is what was found, `text` and `page` show it, `command` is the whole.
"""
