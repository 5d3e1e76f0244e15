from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from devworkspace.api import reasons
from devworkspace.api.children import PersistentVolumeClaim
from devworkspace.core.observe import observe
from devworkspace.core.volumestate import resize_refused, volume_state
from tests.support.builders import (
    make_event,
    make_instance,
    make_pod,
    make_settings,
    make_volume,
    make_world,
    running_status,
)


def claim(*, wants: str = "20Gi", has: str | None = "10Gi", phase: str = "Bound", **status: Any) -> Any:
    body = {
        "metadata": {"name": "v"},
        "spec": {"resources": {"requests": {"storage": wants}}},
        "status": {"phase": phase, "capacity": {"storage": has} if has else {}, **status},
    }
    return msgspec.convert(body, PersistentVolumeClaim)


PENDING_FILE_SYSTEM = [{"type": "FileSystemResizePending", "status": "True"}]


@pytest.mark.parametrize(
    ("volume", "state"),
    [
        pytest.param(None, ("False", reasons.WAITING, ""), id="none yet"),
        pytest.param(claim(phase="Pending", has=None), ("False", reasons.WAITING, ""), id="not bound"),
        pytest.param(claim(has="20Gi"), ("True", reasons.BOUND, ""), id="as large as wanted"),
        pytest.param(claim(has="21474836480"), ("True", reasons.BOUND, ""), id="the same in other words"),
        pytest.param(claim(has="25Gi"), ("True", reasons.BOUND, ""), id="larger than wanted"),
        pytest.param(claim(has=None), ("True", reasons.BOUND, ""), id="a driver that reports no capacity"),
        pytest.param(
            claim(),
            ("True", reasons.VOLUME_RESIZING, "The disk is being enlarged from 10Gi to 20Gi."),
            id="growing",
        ),
        pytest.param(
            claim(conditions=PENDING_FILE_SYSTEM),
            (
                "True",
                reasons.VOLUME_RESIZING,
                "The disk has been enlarged from 10Gi to 20Gi; "
                "its file system follows, at the next start at the latest.",
            ),
            id="waiting for the file system",
        ),
    ],
)
def test_a_volume_tells_where_it_stands(volume: PersistentVolumeClaim | None, state: tuple[str, str, str]) -> None:
    assert volume_state(volume, None) == state


def test_a_refused_growth_leaves_the_volume_usable_and_says_why() -> None:
    refusal = resize_refused("only dynamically provisioned pvc can be resized.")
    status, reason, message = volume_state(claim(has="20Gi"), refusal)
    assert (status, reason) == ("True", reasons.VOLUME_RESIZE_REFUSED)
    assert "only dynamically provisioned pvc can be resized. The environment works" in message


@pytest.mark.parametrize("pod", [None, make_pod(**running_status())], ids=["starting", "running"])
def test_a_refused_growth_does_not_stop_the_environment(pod: Any) -> None:
    world = make_world(pod=pod, volumes=(make_volume(),), write_refusal=resize_refused("no"))
    status = observe(world, make_instance(), make_settings())
    assert status.phase == ("Running" if pod is not None else "Provisioning")


def test_a_storage_that_fails_to_grow_a_disk_is_quoted_until_the_disk_has_grown() -> None:
    volume = make_volume()
    small = claim()
    growing = replace(volume, spec=small.spec, status=small.status)
    failed = make_event("VolumeResizeFailed", "resize volume failed: pool is full.", about="pvc-uid")
    state = volume_state(growing, None, warnings=(failed,))
    assert state[:2] == ("True", reasons.VOLUME_RESIZE_REFUSED)
    assert "cannot be enlarged: resize volume failed: pool is full. The environment works" in state[2]
    grown = replace(growing, status=claim(has="20Gi").status)
    assert volume_state(grown, None, warnings=(failed,)) == ("True", reasons.BOUND, "")
    other = make_event("VolumeResizeFailed", "full", about="other")
    assert volume_state(growing, None, warnings=(other,))[1] == reasons.VOLUME_RESIZING
