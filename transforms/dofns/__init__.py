"""What the stages need of Beam: work in lanes, one for each account, the merge of one table, tagged outputs."""
