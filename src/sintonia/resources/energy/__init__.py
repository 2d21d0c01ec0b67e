"""Electrical energy of a run, each figure with the way it was found, what it counts, and a range. It invents none.

The processor comes from its own counter (RAPL) where that may be read, else from CodeCarbon where it is installed (its
offline tracker, which asks nobody), else from the time its cores worked and what a core takes. The GPUs that the run
computes on come from their own counters (NVML). No figure is of the whole machine, and the words say so.
"""

from sintonia.resources.energy.gauge import (
    EnergyGauge,
    Stretch,
    add_energies,
    energy_since,
    open_gauge,
    scaled_energy,
)

__all__ = ["EnergyGauge", "Stretch", "add_energies", "energy_since", "open_gauge", "scaled_energy"]
