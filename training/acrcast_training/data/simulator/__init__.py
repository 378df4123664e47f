"""Simulated trials of `ld-il2-ra`, calibrated to published aggregates, with the true risk of every patient.

`published` holds the aggregates, `margins` and `baseline` draw the patients, `response` decides who responds and who
withdraws, `course` draws the core set that agrees with it, `recording` makes gaps, `trial` puts it together, and
`comparison` tables what came out against what is published.
"""

from acrcast_training.data.simulator.comparison import comparison_table
from acrcast_training.data.simulator.trial import SimulatedTrial, SimulationOptions, simulate, write

__all__ = ["SimulatedTrial", "SimulationOptions", "comparison_table", "simulate", "write"]
