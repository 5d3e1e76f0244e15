"""The steps of a start on the waiting page: their order, their time, and the time that is usual."""

import re
from typing import NamedTuple

import pytest

from devworkspace.core.startup import STAGES, PodTimes, Stage, start_stages
from devworkspace.server.api.views import UsualStart
from devworkspace.server.pages.starting import start_steps
from devworkspace.server.pages.texts import LANGUAGES, text

BEGAN = "2026-11-25T10:00:00Z"
DONE = PodTimes(
    created="2026-11-25T10:00:01Z",
    scheduled="2026-11-25T10:00:02Z",
    prepared="2026-11-25T10:00:03Z",
    started="2026-11-25T10:00:09Z",
    ready="2026-11-25T10:00:12Z",
)
UNDER_WAY = PodTimes(created=DONE.created, scheduled=DONE.scheduled, prepared=DONE.prepared)


class Start(NamedTuple):
    requested_at: str
    stages: tuple[Stage, ...]
    usual: UsualStart | None = None


def start(times: PodTimes, usual: UsualStart | None = None) -> Start:
    stages = start_stages(times, requested_at=BEGAN, volume_made_at=BEGAN, volume_bound=True)
    return Start(BEGAN, stages, usual)


def rows(html: str) -> list[tuple[str, str, str]]:
    return re.findall(r'<li data-stage="(\w+)" data-state="(\w+)"(?: data-ms="(\d+)")?>', html)


def test_a_finished_start_has_six_steps_whose_ends_make_the_whole() -> None:
    html = start_steps(start(DONE), "en", failed=False)
    found = rows(html)
    assert [(stage, state) for stage, state, _ in found] == [(stage, "done") for stage in STAGES]
    assert {stage: int(spent) for stage, _, spent in found} == {
        "queued": 1000,
        "disk": 2000,
        "scheduling": 1000,
        "image": 6000,
        "container": 0,
        "editor": 3000,
    }
    assert 'data-total-ms="12000"' in html
    assert "data-since" not in html, "nothing is left to count"


def test_what_is_under_way_is_counted_from_its_beginning() -> None:
    html = start_steps(start(UNDER_WAY), "en", failed=False)
    assert rows(html)[3:] == [("image", "running", ""), ("container", "waiting", ""), ("editor", "waiting", "")]
    began, image = re.findall(r'data-since="(\d+)"', html)
    assert int(image) - int(began) == 3000
    assert text("start.first", "en") in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_usual_time_stands_beside_it_and_says_when_it_is_late(language: str) -> None:
    usual = UsualStart(median=8.0, p95=21.0, samples=5)
    html = start_steps(start(UNDER_WAY, usual), "zh" if language == "zh" else "en", failed=False)
    assert re.search(r"8 (s|秒)", html)
    assert 'data-late="21000" hidden' in html


def test_in_a_failed_start_the_step_that_failed_stands_out_and_nothing_counts() -> None:
    html = start_steps(start(UNDER_WAY), "en", failed=True)
    assert ("image", "failed", "") in rows(html)
    assert "data-since" not in html
