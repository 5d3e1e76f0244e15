import pytest

from devworkspace.api import reasons
from devworkspace.core.refusals import explain_refusal, name_conflict

QUOTA = (
    'pods "demo-0a1b2c3d" is forbidden: exceeded quota: small, requested: limits.cpu=2, used: limits.cpu=7, '
    "limited: limits.cpu=8"
)
POD_SECURITY = 'pods "demo" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true.'


def test_a_quota_is_named_with_its_numbers() -> None:
    refusal = explain_refusal(kind="Pod", status=403, message=QUOTA)
    assert refusal is not None
    assert refusal.reason == reasons.QUOTA_EXCEEDED
    assert refusal.message == (
        "The project's quota 'small' is used up: this needs limits.cpu=2, used are limits.cpu=7 of limits.cpu=8. "
        "Stop another environment or ask for fewer resources."
    )


def test_a_policy_s_own_words_are_repeated() -> None:
    refusal = explain_refusal(kind="Pod", status=403, message=POD_SECURITY)
    assert refusal is not None
    assert refusal.reason == reasons.ADMISSION_REFUSED
    assert refusal.message.startswith("The cluster refuses the Pod of this environment: pods")
    assert "runAsNonRoot != true. Correct the template" in refusal.message


def test_an_invalid_object_is_a_refusal() -> None:
    refusal = explain_refusal(kind="Pod", status=422, message="spec.containers[0].image: Required value")
    assert refusal is not None
    assert refusal.reason == reasons.ADMISSION_REFUSED


@pytest.mark.parametrize(("status", "message"), [(409, "conflict"), (429, "slow down"), (500, "oops"), (404, "gone")])
def test_an_error_that_says_nothing_about_the_request_is_no_refusal(status: int, message: str) -> None:
    assert explain_refusal(kind="Pod", status=status, message=message) is None


def test_a_quota_conflict_is_retried_not_told() -> None:
    message = 'Operation cannot be fulfilled on resourcequotas "small": the object has been modified'
    assert explain_refusal(kind="Pod", status=409, message=message) is None


def test_a_foreign_object_is_named_and_not_touched() -> None:
    refusal = name_conflict(kind="Service", name="demo-0a1b2c3d")
    assert refusal.reason == reasons.NAME_CONFLICT
    assert "Service 'demo-0a1b2c3d' exists and belongs to somebody else; it was not touched." in refusal.message
