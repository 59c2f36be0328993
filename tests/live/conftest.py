"""Clusters of the live suites: one with simulated nodes that several share, one with a real node that ends with its suite, whose load it takes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.live.hpa_timeline import Timeline, record
from tools.cluster import Cluster
from tools.cluster.place import Place
from tools.cluster.programs import Timing

# Sets of addresses of the live suites' own, beside a person's cluster.
SIMULATED, REAL = 30, 29
QUICK = Timing(hpa_sync_s=5, metrics_s=10)


@pytest.fixture(scope="session")
def simulated_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three simulated nodes, whose pods are ready at once and use what the test says."""
    with Cluster(Place(_folder(tmp_path_factory), SIMULATED), QUICK) as one:
        yield one


@pytest.fixture(scope="session")
def timeline(simulated_cluster: Cluster) -> Iterator[Future[Timeline]]:
    """What an autoscaler does in two minutes, most of them waiting: another suite may ask for it first and use the time."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(record, simulated_cluster)


@pytest.fixture(scope="module")
def real_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One real node that runs containers. It offers sixteen CPUs, so that a phase fits a machine of two."""
    with Cluster(Place(_folder(tmp_path_factory), REAL), QUICK, nodes=0, real=True, cpus=16) as one:
        yield one


def _folder(factory: pytest.TempPathFactory) -> Path:
    if os.geteuid() != 0:
        pytest.skip("a lab cluster needs root")
    return factory.mktemp("cluster")
