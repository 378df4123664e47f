"""Everything that a call of a client raises on purpose.

ClientError
├── NotSent               what was given cannot be written as JSON; nothing was sent
├── NoAnswer              no answer came: no connection, or it was cut, or it took too long
├── NotUnderstood         an answer came that is none of this API: another version's, or a proxy's
└── ProblemAnswered       the server answered with a problem (RFC 9457)
    ├── Refused               422, and any other below 500: the request is not as it should be; `errors` says of which fields
    ├── Unauthorised          401: no key, or one that is unknown, expired or revoked
    ├── Forbidden             403: the key lacks the scope
    ├── NotFound              404: no such prediction
    ├── Conflict              409: the prediction has another outcome, or the first request is still being answered
    ├── TooManyRequests       429: this key asks too often; `retry_after` says until when
    ├── Unavailable           502, 503, 504: the server is starting, stopping, full or not reached; `retry_after`
    └── ServerFailed          500, and any other above: the fault is the server's

A message says what the server said, never what was sent to it. No error holds the request.
"""

from http import HTTPStatus

from acrcast.protocol import FieldProblem, ProblemBody


class ClientError(Exception):
    """Root of all errors of a client."""


class NotSent(ClientError):
    """What was given cannot be written as JSON; nothing was sent."""


class NoAnswer(ClientError):
    """No answer came. Whether the request was answered is not known, unless it was never sent.

    reason: what httpx calls it. request_id: what the server's log calls the request, if it came there.
    attempts: how often it was sent.
    """

    def __init__(self, reason: str, request_id: str, attempts: int) -> None:
        self.reason, self.request_id, self.attempts = reason, request_id, attempts
        super().__init__(reason, request_id, attempts)

    def __str__(self) -> str:
        times = "once" if self.attempts == 1 else f"{self.attempts} times"
        return f"no answer: {self.reason}; asked {times} (request {self.request_id})"


class NotUnderstood(ClientError):
    """An answer that this client cannot read.

    status: of the answer. expected: what it should have been. request_id: what the server's log calls the request.
    """

    def __init__(self, status: int, expected: str, request_id: str) -> None:
        self.status, self.expected, self.request_id = status, expected, request_id
        super().__init__(status, expected, request_id)

    def __str__(self) -> str:
        return f"expected {self.expected}, and the answer of status {self.status} is none (request {self.request_id})"


class ProblemAnswered(ClientError):
    """The server answered with a problem.

    problem: as it said it. request_id: what its log calls the request. retry_after: seconds, where it said so.
    """

    def __init__(self, problem: ProblemBody, request_id: str, retry_after: float | None = None) -> None:
        self.problem, self.request_id, self.retry_after = problem, request_id, retry_after
        super().__init__(problem, request_id, retry_after)

    @property
    def type(self) -> str:
        """Which kind of problem, for good; `about:blank` when the answer was a proxy's, and says no more than its status."""
        return self.problem.type

    @property
    def status(self) -> int:
        return self.problem.status

    @property
    def errors(self) -> tuple[FieldProblem, ...]:
        """What was expected of each field that is not valid."""
        return self.problem.errors or ()

    def __str__(self) -> str:
        problem = self.problem
        fields = "; ".join(": ".join(filter(None, (error.field, error.message))) for error in self.errors)
        said = ": ".join(filter(None, (problem.title, problem.detail, fields)))
        return f"{said} ({problem.status} {problem.type}, request {self.request_id})"


class Refused(ProblemAnswered):
    """The request is not as it should be: sent again, it would be refused again."""


class Unauthorised(ProblemAnswered):
    """No key, or one that is unknown, expired or revoked."""


class Forbidden(ProblemAnswered):
    """The key lacks the scope."""


class NotFound(ProblemAnswered):
    """There is no such prediction."""


class Conflict(ProblemAnswered):
    """The prediction has another outcome, or the first request of this key is still being answered."""


class TooManyRequests(ProblemAnswered):
    """This key asks too often."""


class Unavailable(ProblemAnswered):
    """The server is starting, stopping, full or not reached by what stands in front of it."""


class ServerFailed(ProblemAnswered):
    """The fault is the server's."""


_BY_STATUS: dict[int, type[ProblemAnswered]] = {
    401: Unauthorised,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: TooManyRequests,
    **dict.fromkeys((502, 503, 504), Unavailable),
}


def error_of(problem: ProblemBody, request_id: str, retry_after: float | None) -> ProblemAnswered:
    """The error of the problem's status."""
    otherwise = Refused if problem.status < 500 else ServerFailed
    return _BY_STATUS.get(problem.status, otherwise)(problem, request_id, retry_after)


def bare_problem(status: int) -> ProblemBody:
    """What an answer says that has a status and nothing else to read (RFC 9457, section 4.2.1)."""
    title = HTTPStatus(status).phrase if status in {*HTTPStatus} else "An answer that HTTP has no name for"
    return ProblemBody("about:blank", title, status, None, None, None)
