"""A state as people see it: word and icon first, color second."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """Tone is neutral, info, success, warning or danger; the icon is one of Tabler's."""

    label: str
    tone: str
    icon: str
