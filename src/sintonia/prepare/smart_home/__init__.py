"""The quickstart data: real smart-home commands, sampled with hassil. The vocabulary is the only thing of ours."""

from sintonia.prepare.smart_home.commands import write_smart_home

__all__ = ["write_smart_home"]
