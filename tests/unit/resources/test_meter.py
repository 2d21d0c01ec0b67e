"""What was spent is counted by stage; the peak of memory is that of this process alone."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from sintonia.resources.memory import held_bytes
from sintonia.resources.meter import peak_memory_bytes


def test_the_peak_is_no_less_than_what_is_held_and_stays_when_it_is_given_back() -> None:
    taken = np.ones(2**24)
    assert peak_memory_bytes() >= held_bytes() - 2**20
    peak = peak_memory_bytes()
    del taken
    assert peak_memory_bytes() >= peak - 2**20


def test_the_peak_of_a_process_is_not_that_of_the_one_that_started_it() -> None:
    held = np.ones(2**26)
    code = "from sintonia.resources.meter import peak_memory_bytes; print(peak_memory_bytes())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < held.nbytes / 2
