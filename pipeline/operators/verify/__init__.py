"""The command `verify`: the job's judge after the fact.

`judgements` are what must be true of rows that are merged, as pure functions; `judge` reads the rows and applies
them to merges; `topic` finds out what became of each event of the input topic; `repair` publishes events again;
`verifying` is what is asked, and brings these together.
"""
