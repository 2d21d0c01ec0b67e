"""What can be done about a finding: settings that answer it, fewer layers for speed, and what either gave before.

`settings.py` and `speed.py` have the ideas, `experience.py` the measured cases. Nothing here is tried or chosen.
"""
