"""Domain errors; one table in `web` maps them to pages."""


class DomainError(Exception):
    """Something a person can understand; the text is shown to them."""


class NotFound(DomainError):
    """The thing does not exist for this person."""


class NotAllowed(DomainError):
    """This person may not do this."""


class Conflict(DomainError):
    """Somebody or something changed it meanwhile."""


class Invalid(DomainError):
    """What was given cannot be accepted; `field` names the input if there is one."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field
