import pytest

from devworkspace.api import reasons
from devworkspace.core.limits import Shortage
from devworkspace.core.refusals import explain_refusal, find_quota_shortages, name_conflict, told_shortages
from devworkspace.core.resolve import Refusal

QUOTA = (
    'pods "demo-0a1b2c3d" is forbidden: exceeded quota: small, requested: limits.cpu=2, used: limits.cpu=7, '
    "limited: limits.cpu=8"
)


def test_a_quota_is_named_with_its_numbers() -> None:
    refusal = explain_refusal(kind="Pod", status=403, message=QUOTA)
    assert refusal is not None
    assert refusal.reason == reasons.QUOTA_EXCEEDED
    assert refusal.message == (
        "The project's quota 'small' is used up: this needs limits.cpu=2, used are limits.cpu=7 of limits.cpu=8. "
        "Stop another environment or ask for fewer resources."
    )


def test_the_numbers_of_a_quota_can_be_read_from_its_sentence() -> None:
    message = QUOTA.replace("limits.cpu=2, used", "limits.cpu=2,pods=1, used").replace(
        "limits.cpu=7, limited", "limits.cpu=7,pods=3, limited"
    )
    refusal = explain_refusal(kind="Pod", status=403, message=f"{message},pods=3")
    assert refusal is not None
    expected = (
        Shortage(resource="limits.cpu", used="7", needs="2", limit="8"),
        Shortage(resource="pods", used="3", needs="1", limit="3"),
    )
    assert told_shortages(refusal.reason, refusal.message) == expected
    assert find_quota_shortages(f"{message},pods=3") == expected
    assert told_shortages(reasons.IMAGE_NOT_FOUND, refusal.message) == ()


ROWS = {
    "more than the project allows": (
        403,
        'pods "demo" is forbidden: [maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Pod '
        "is 1Gi, but limit is 2147483648]",
        reasons.LIMIT_RANGE_EXCEEDED,
        "The Pod of this environment is outside of the project's limits (LimitRange): maximum cpu usage per Container "
        "is 1, but limit is 2, maximum memory usage per Pod is 1Gi, but limit is 2147483648. "
        "Ask for an amount within them, or ask an admin to change the LimitRange.",
    ),
    "less than the project allows": (
        403,
        'pods "demo" is forbidden: minimum memory usage per Container is 1Gi, but request is 256Mi',
        reasons.LIMIT_RANGE_EXCEEDED,
        "The Pod of this environment is outside of the project's limits (LimitRange): minimum memory usage per "
        "Container is 1Gi, but request is 256Mi. "
        "Ask for an amount within them, or ask an admin to change the LimitRange.",
    ),
    "limit and request too far apart": (
        403,
        'pods "demo" is forbidden: cpu max limit to request ratio per Container is 2, but provided ratio is 20.000000.',
        reasons.LIMIT_RANGE_EXCEEDED,
        "The Pod of this environment is outside of the project's limits (LimitRange): cpu max limit to request ratio "
        "per Container is 2, but provided ratio is 20.000000. "
        "Ask for an amount within them, or ask an admin to change the LimitRange.",
    ),
    "Pod Security": (
        403,
        'pods "demo" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true (container "x" must '
        "not set it).",
        reasons.POD_SECURITY_REFUSED,
        "The project's Pod Security level 'restricted:latest' refuses this environment: runAsNonRoot != true "
        '(container "x" must not set it). Ask an admin to change the template or the project\'s level.',
    ),
    "an admission policy": (
        422,
        "Pod \"demo\" is invalid: : ValidatingAdmissionPolicy 'no-big' with binding 'all' denied request: "
        "at most 1 CPU.",
        reasons.ADMISSION_REFUSED,
        "Policy 'no-big' of the cluster refuses the Pod of this environment: at most 1 CPU. "
        "Correct the template or ask an admin.",
    ),
    "a webhook, with a status of its own": (
        400,
        'admission webhook "policy.example.com" denied the request: images must be signed',
        reasons.ADMISSION_REFUSED,
        "Policy webhook 'policy.example.com' of the cluster refuses the Pod of this environment: images must be "
        "signed. Correct the template or ask an admin.",
    ),
    "a webhook that does not answer": (
        500,
        'Internal error occurred: failed calling webhook "policy.example.com": failed to call webhook: Post '
        '"https://x": dial tcp 10.0.0.1:443: connect: connection refused',
        reasons.ADMISSION_REFUSED,
        "The cluster asks webhook 'policy.example.com' about the Pod of this environment and gets no answer. "
        "It is tried again; if this stays, ask an admin to look at that webhook.",
    ),
    "a project that is being deleted": (
        403,
        'pods "demo" is forbidden: unable to create new content in namespace team because it is being terminated',
        reasons.NAMESPACE_TERMINATING,
        "Project 'team' is being deleted, so nothing new can be made in it. Create the environment in another project.",
    ),
    "anything else": (
        403,
        'pods "demo" is forbidden: pod rejected: RuntimeClass "fast" not found',
        reasons.ADMISSION_REFUSED,
        'The cluster refuses the Pod of this environment: pods "demo" is forbidden: pod rejected: RuntimeClass "fast" '
        "not found. Correct the template or ask an admin.",
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_refusal_is_explained(name: str) -> None:
    status, message, reason, sentence = ROWS[name]
    assert explain_refusal(kind="Pod", status=status, message=message) == Refusal(reason, sentence)


def test_an_invalid_object_is_a_refusal() -> None:
    refusal = explain_refusal(kind="Pod", status=422, message="spec.containers[0].image: Required value")
    assert refusal is not None
    assert refusal.reason == reasons.ADMISSION_REFUSED


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (409, "conflict"),
        (429, "slow down"),
        (500, "oops"),
        (404, "gone"),
        (403, 'pods "demo" is forbidden: status unknown for quota: small, resources: limits.cpu'),
    ],
)
def test_an_error_that_says_nothing_about_the_request_is_no_refusal(status: int, message: str) -> None:
    assert explain_refusal(kind="Pod", status=status, message=message) is None


def test_a_quota_conflict_is_retried_not_told() -> None:
    message = 'Operation cannot be fulfilled on resourcequotas "small": the object has been modified'
    assert explain_refusal(kind="Pod", status=409, message=message) is None


def test_a_foreign_object_is_named_and_not_touched() -> None:
    refusal = name_conflict(kind="Service", name="demo-0a1b2c3d")
    assert refusal.reason == reasons.NAME_CONFLICT
    assert "Service 'demo-0a1b2c3d' exists and belongs to somebody else; it was not touched." in refusal.message
