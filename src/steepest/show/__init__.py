"""The lecture's claims about noise, speed and rates, each shown by running the rules.

>>> from steepest.show.terminal_velocity import terminal_velocity
>>> [round(row["times"], 3) for row in terminal_velocity(momenta=(0.5, 0.9), steps=200).json()["velocity"]]
[2.0, 10.0]
"""

from steepest.show.shown import Shown

__all__ = ["Shown"]
