"""What the shipped staging needs, read once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from offline.needs.read import needs as read
from offline.needs.values import Needs
from offline.run import placeholder, stack_config
from operate.doctor.api import Api
from tests.operate.doctor.fakes import FakeCluster, kubeconfig, serving
from tests.support import ROOT


@pytest.fixture(scope="session")
def staging() -> Needs:
    """What the shipped staging needs; a secret is `content-of-<its file>`."""
    return read("staging", stack_config(ROOT / "Pulumi.staging.yaml"), read=placeholder)


@pytest.fixture(scope="session")
def production() -> Needs:
    return read("production", stack_config(ROOT / "Pulumi.production.yaml"), read=placeholder)


@pytest.fixture
def on(tmp_path: Path, staging: Needs) -> Callable[[FakeCluster], Iterator[Api]]:
    """Connect to a cluster of a test's own."""

    @contextmanager
    def connected(cluster: FakeCluster) -> Iterator[Api]:
        with serving(cluster) as served:
            path = tmp_path / "kubeconfig"
            path.write_text(kubeconfig(served.url))
            yield Api(replace(staging, kubeconfig=str(path), context=None))

    return connected
