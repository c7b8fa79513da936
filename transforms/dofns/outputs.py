"""Declared element types for tagged outputs."""

from __future__ import annotations

from typing import Any

from apache_beam.pvalue import DoOutputsTuple
from apache_beam.typehints.native_type_compatibility import convert_to_beam_type


def declare_types(outputs: DoOutputsTuple, **types: Any) -> DoOutputsTuple:
    """Give each output of a ParDo its element type, by tag.

    Beam cannot infer them for tagged outputs, and without them keys and Kafka records would travel in a coder that
    neither grouping nor the Java side understands.
    """
    for tag, element_type in types.items():
        outputs[tag].element_type = convert_to_beam_type(element_type)
    return outputs
