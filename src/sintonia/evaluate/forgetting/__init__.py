"""What tuning has cost: measured on texts that have nothing to do with the task, after every training.

`measure_forgetting` is the front; `forgetting_finding` and `remedy_advice` put its record into words.
"""

from sintonia.evaluate.forgetting.measure import ForgettingInput, measure_forgetting
from sintonia.evaluate.forgetting.telling import forgetting_finding, remedy_advice

__all__ = ["ForgettingInput", "forgetting_finding", "measure_forgetting", "remedy_advice"]
