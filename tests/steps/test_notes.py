"""What is noted on a Deployment, where it is not what deliveries write."""

import pytest

from steps.notes import queued
from steps.workloads import UnfitError, workloads


def test_a_container_that_is_gone_is_named() -> None:
    deployment = {"spec": {"template": {"spec": {"containers": [{"name": "other", "image": "x"}]}}}}
    (workload,) = workloads("staging", ["shop-pod"], "app")
    with pytest.raises(UnfitError, match="the Deployment shop-pod has no container app"):
        workload.image(deployment)


@pytest.mark.parametrize("word", ["{}", '{"by": ""}'])
def test_a_word_without_content_freezes_too(word: str) -> None:
    deployment = {"metadata": {"annotations": {}}}
    assert queued(deployment, {"metadata": {}, "data": {"frozen": word}}, "1")
    assert queued(deployment, {"metadata": {"annotations": {"tekton-delivery/frozen": ""}}}, "1")
    assert queued(deployment, {"metadata": {}, "data": {}}, "1") is None
