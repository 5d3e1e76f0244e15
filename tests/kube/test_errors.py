import json

import pytest

from devworkspace.kube import errors
from devworkspace.kube.errors import MESSAGE_LIMIT, ApiError, api_error


def status_body(**fields: object) -> bytes:
    return json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", **fields}).encode()


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (401, "Unauthorized", errors.Unauthorized),
        (403, "Forbidden", errors.Forbidden),
        (404, "NotFound", errors.NotFound),
        (409, "Conflict", errors.Conflict),
        (409, "AlreadyExists", errors.AlreadyExists),
        (410, "Expired", errors.Gone),
        (422, "Invalid", errors.Invalid),
        (429, "TooManyRequests", errors.TooManyRequests),
        (500, "InternalError", errors.ServerError),
        (504, "Timeout", errors.ServerError),
        (400, "BadRequest", ApiError),
    ],
)
def test_status_and_reason_choose_the_class(status: int, reason: str, expected: type[ApiError]) -> None:
    error = api_error(status=status, body=status_body(reason=reason, message="the words of the server", code=status))
    assert type(error) is expected
    assert (error.status, error.reason, error.message) == (status, reason, "the words of the server")
    assert str(error) == f"{status} {reason}: the words of the server"


def test_status_zero_takes_the_code_of_the_body() -> None:
    assert isinstance(api_error(status=0, body=status_body(code=410, reason="Expired")), errors.Gone)


def test_a_page_of_a_proxy_becomes_the_message() -> None:
    error = api_error(status=502, body=b"<html>\n <b>Bad\tGateway</b></html>")
    assert isinstance(error, errors.ServerError)
    assert (error.reason, error.message) == ("BadGateway", "<html> <b>Bad Gateway</b></html>")


def test_an_empty_body_gives_the_phrase() -> None:
    error = api_error(status=404, body=b"")
    assert (error.reason, error.message) == ("NotFound", "Not Found")


def test_an_unknown_status_is_not_hidden_by_an_error_of_our_own() -> None:
    assert api_error(status=799, body=b"").status == 799


def test_details_are_kept() -> None:
    body = status_body(code=422, details={"name": "x", "causes": [{"field": "spec.port"}]})
    assert api_error(status=422, body=body).details["causes"] == [{"field": "spec.port"}]


@pytest.mark.parametrize(
    ("header", "details", "expected"),
    [
        ("7", None, 7.0),
        (None, {"retryAfterSeconds": 3}, 3.0),
        ("7", {"retryAfterSeconds": 3}, 7.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None, None),
        ("-1", None, None),
        ("inf", None, None),
        ("nan", None, None),
        (None, None, None),
    ],
)
def test_retry_after(header: str | None, details: dict[str, int] | None, expected: float | None) -> None:
    assert api_error(status=429, body=status_body(details=details), retry_after=header).retry_after == expected


def test_long_messages_are_cut() -> None:
    message = api_error(status=400, body=status_body(message="x" * 100_000)).message
    assert len(message) == MESSAGE_LIMIT
    assert message.endswith("x…")


@pytest.mark.parametrize(
    "secret",
    ["Bearer abcdefgh.ijkl-mn", "bearer  c2VjcmV0LXRva2Vu", "Basic dXNlcjpwYXNz", "eyJhbGciOiJIUzI1NiJ9.eyJz.c2ln"],
)
def test_what_looks_like_a_token_is_removed(secret: str) -> None:
    message = api_error(status=400, body=status_body(message=f"header {secret} refused")).message
    assert message == "header [redacted] refused"


def test_ordinary_words_are_not_taken_for_tokens() -> None:
    text = "the bearer of news was refused: workspace eye is not basic enough"
    assert errors.clean(text) == text
