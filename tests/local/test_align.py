"""Libraries that several tools share have one version."""

import pytest

from local import align


def test_the_pinned_modules_share_what_they_can() -> None:
    assert align.wanted(align.pinned()) == {}, "python -m local.align"


def test_a_library_of_several_tools_gets_the_highest_version_that_one_asks_for() -> None:
    versions = {
        "a": {"x.org/y": "v1.2.0"},
        "b": {"x.org/y": "v1.10.0"},
        "c": {"x.org/y": "v1.10.0-rc.1", "x.org/z": "v0.1.0"},
    }
    assert align.wanted(versions, {}) == {"a": {"x.org/y": "v1.10.0"}, "c": {"x.org/y": "v1.10.0"}}


def test_what_a_tool_keeps_is_not_raised() -> None:
    versions = {"a": {"x.org/y": "v1.2.0"}, "b": {"x.org/y": "v1.3.0"}, "c": {"x.org/y": "v1.1.0"}}
    assert align.wanted(versions, {"a": r"x\.org/.*"}) == {"c": {"x.org/y": "v1.3.0"}}


def test_nothing_has_newer_libraries_of_kubernetes_than_kubernetes_itself() -> None:
    versions = {
        "kubernetes": {"k8s.io/api": "v0.36.3", "k8s.io/klog/v2": "v2.1.0"},
        "a": {"k8s.io/api": "v0.37.1", "k8s.io/klog/v2": "v2.2.0"},
        "b": {"k8s.io/api": "v0.30.0"},
    }
    assert align.wanted(versions, {}) == {
        "kubernetes": {"k8s.io/klog/v2": "v2.2.0"},
        "a": {"k8s.io/api": "v0.36.3"},
        "b": {"k8s.io/api": "v0.36.3"},
    }


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("v1.9.0", "v1.10.0"),
        ("v1.0.0-rc.9", "v1.0.0-rc.10"),
        ("v1.0.0-rc.10", "v1.0.0"),
        ("v0.0.0-20250101000000-aaaaaaaaaaaa", "v0.0.0-20260101000000-000000000000"),
        ("v1.0.1-0.20220721030215-126854af5e6d", "v1.0.1"),
        ("v28.0.0+incompatible", "v29.0.0+incompatible"),
    ],
)
def test_versions_are_in_gos_order(older: str, newer: str) -> None:
    assert align.order(older) < align.order(newer)
