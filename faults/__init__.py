"""The fault suite: kills what a job on Flink runs on in mid-stream, and looks for loss and repetition."""
