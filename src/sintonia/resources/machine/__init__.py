"""What this machine has, what surrounds a training on it, and how fast it is. It mends nothing."""

from sintonia.resources.machine.hardware import look_at_machine

__all__ = ["look_at_machine"]
