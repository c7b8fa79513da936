"""What happens to a merge event: one module for each stage of the pipeline.

The merge rules themselves are in transforms.rules, which knows neither Beam nor Cassandra.
"""
