"""E28: a calibrated predictor is left alone; one that is three times too sure is seen, and corrected."""

from __future__ import annotations

import numpy as np

from sintonia.statistics.calibration import (
    calibration_error,
    error_floor,
    fit_temperature,
    scaled_probabilities,
)

NUM_TEST, SEEDS, NUM_CLASSES = 200, 240, 5


def predictor(randomness: np.random.Generator, num_examples: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits with the targets drawn from them: perfectly calibrated."""
    logits = randomness.normal(0, 2.0, (num_examples, NUM_CLASSES))
    noise = randomness.gumbel(size=logits.shape)
    return logits, (logits + noise).argmax(axis=1)


def is_flagged(logits: np.ndarray, targets: np.ndarray, temperature: float | None) -> bool:
    sure = scaled_probabilities(logits, temperature).max(axis=1)
    return calibration_error(sure, logits.argmax(axis=1) == targets) > error_floor(sure)


def counted() -> dict[str, float]:
    """Shares of the seeds."""
    found: dict[str, list[bool]] = {"calibrated": [], "too sure": [], "temperature": [], "corrected": []}
    for seed in range(SEEDS):
        randomness = np.random.default_rng(seed)
        test, validation = predictor(randomness, NUM_TEST), predictor(randomness, NUM_TEST)
        found["calibrated"].append(is_flagged(*test, None))
        found["too sure"].append(is_flagged(3 * test[0], test[1], None))
        fitted = fit_temperature(3 * validation[0], validation[1]).value
        assert fitted is not None
        found["temperature"].append(2.4 <= fitted <= 3.6)
        found["corrected"].append(is_flagged(3 * test[0], test[1], fitted))
    return {name: float(np.mean(seen)) for name, seen in found.items()}


def test_e28() -> None:
    shares = counted()
    assert shares["calibrated"] <= 0.07, shares
    assert shares["too sure"] >= 0.95, shares
    assert shares["temperature"] >= 0.95, shares
    assert shares["corrected"] <= 0.12, shares  # the temperature has an error of its own


if __name__ == "__main__":
    print(counted())
