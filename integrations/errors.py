"""What went wrong with a partner, named by what the caller does next."""


class PartnerError(Exception):
    """A partner could not be served; `words` are the partner's own, kept for people to read."""

    def __init__(self, message: str, *, words: str = "", code: str = "") -> None:
        super().__init__(message)
        self.words = words
        self.code = code


class Retryable(PartnerError):
    """Nothing was done; send the same again later, after `retry_after` seconds if the partner said."""

    def __init__(
        self, message: str, *, words: str = "", code: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, words=words, code=code)
        self.retry_after = retry_after


class Rejected(PartnerError):
    """The partner understood and refused; a person must change something."""


class Misconfigured(PartnerError):
    """Login, address or settings are wrong; an engineer must change something."""


class Ambiguous(PartnerError):
    """It may or may not have been done; ask the partner by key before sending again."""


class Unreadable(PartnerError):
    """A document cannot be read; `position` says where (line, segment or path)."""

    def __init__(self, message: str, *, position: str = "", words: str = "") -> None:
        super().__init__(message, words=words)
        self.position = position
