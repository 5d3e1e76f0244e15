"""Every command of the documentation's pages, page by page, as a reader types them in a checkout after an installation.

The installation's own command is not repeated: the test run has installed the cluster with it (part `install`), under
another cluster name, folder and port. Which other blocks are not run, and why, is counted in tests/docs/test_pages.py.
"""

import asyncio
from pathlib import Path

import pytest

from tests.support.live import Live
from tests.support.manual import Checkout, commands_of, needs_helm, page_names

WITH_COMMANDS = [page for page in page_names() if commands_of(page)]
ON_A_CLUSTER = [page for page in WITH_COMMANDS if not needs_helm(page)]
WITH_HELM = [page for page in WITH_COMMANDS if needs_helm(page)]


@pytest.mark.cluster
@pytest.mark.parametrize("page", ON_A_CLUSTER)
async def test_a_page_does_what_it_says(page: str, live: Live, tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    checkout.add_cluster(live.surroundings, live.namespace)
    await asyncio.to_thread(checkout.run, page)


@pytest.mark.helm
@pytest.mark.parametrize("page", WITH_HELM)
def test_a_page_with_helm_does_what_it_says(page: str, tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    checkout.add_helm()
    checkout.run(page)
