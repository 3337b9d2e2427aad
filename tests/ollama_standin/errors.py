"""An answer that is an error."""

CONNECTION_CLOSED = "the client has gone"


class ApiError(Exception):
    """Is sent as `{"error": message}`: with `status`, or as a line of a stream that has begun."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class ClientGone(Exception):
    """The client has closed the connection: nothing is computed for it any more."""
