"""The second cluster's own settings."""

from pathlib import Path

import pytest
import yaml

from local import second_cluster
from local.cluster import Cluster
from local.cluster.names import EMBEDDED, PLAIN, Layout
from local.errors import UserError


@pytest.fixture
def clusters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Clusters below a folder of the test's own."""
    monkeypatch.setattr("local.cluster.cluster.Layout", lambda name: Layout(name, tmp_path))
    return tmp_path


def test_its_tekton_is_the_shipped_stack_with_the_profile_where_its_kubelet_looks(
    clusters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_cluster.stack, "FOLDER", clusters)
    cluster = Cluster("apart", PLAIN)
    config = yaml.safe_load(second_cluster.tekton_file(cluster).read_text())["config"]
    profile = config.pop("tekton:seccompProfile")
    assert profile["folder"] == f"{cluster.layout.pods}/kubelet/seccomp"
    assert config == yaml.safe_load((second_cluster.TEKTON / "Pulumi.apart.yaml").read_text())["config"]


def test_a_cluster_keeps_its_shape_and_is_not_started_in_another(clusters: Path) -> None:
    assert Cluster("apart").shape == EMBEDDED
    assert Cluster("apart", PLAIN).shape == PLAIN
    (clusters / "apart").mkdir()
    (clusters / "apart" / "shape").write_text("plain\n")
    assert Cluster("apart").shape == PLAIN
    with pytest.raises(UserError, match="is there in another form, plain"):
        Cluster("apart", EMBEDDED)
