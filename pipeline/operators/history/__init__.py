"""The command `history`: an account's merges both ways, with what became of each.

`chains` follows the merges from account to account, `text` shows them as a tree.
"""
