"""What ATC would say of a value."""

from graphfix.errors import UsageError


class FlagValueError(UsageError):
    """A value that ATC refuses; ``code`` is the number of the error it would print."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)
