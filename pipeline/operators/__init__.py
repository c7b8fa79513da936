"""What operators and support persons ask: commands that read what a merge would do, did, and should have done.

`options` are those that all of them take, `answers` is how an answer is put out and which exit code it has; each
command has a package or module of its own beside these.
"""
