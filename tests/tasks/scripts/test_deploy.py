"""deploy.sh: what does not get ready is taken back, and both the failure and the way back are told."""

import pytest

from tests.tasks.scripts.conftest import Result, Sandbox

OLD = "registry.internal:5000/shop@sha256:" + "a" * 64
NEW = "registry.internal:5000/shop@sha256:" + "b" * 64
SHA = "0123456789abcdef0123456789abcdef01234567"

# A Deployment with one image: `set image` changes it, `rollout status` fails for the images listed in $broken.
KUBECTL = """
case "$*" in
*' get '*) cat '{root}/serving' ;;
*' set image '*)
    for argument; do case $argument in app=*) wanted=${{argument#app=}} ;; esac; done
    case " {refused} " in *" $wanted "*) echo 'Error: forbidden' >&2; exit 1 ;; esac
    printf %s "$wanted" >'{root}/serving' ;;
*' rollout status '*) case " {broken} " in *" $(cat '{root}/serving') "*) echo 'error: timed out' >&2; exit 1 ;; esac ;;
esac
"""


def deploy(
    sandbox: Sandbox, *, former: str = OLD, broken: str = "", refused: str = "", kubectl: str = KUBECTL, **changed: str
) -> Result:
    sandbox.file("serving", former)
    sandbox.file("image", NEW)
    sandbox.stub("kubectl", kubectl.format(root=sandbox.root, broken=broken, refused=refused))
    env = {
        "PARAM_HEAD_SHA": SHA,
        "PARAM_PULL_REQUEST": "7",
        "PARAM_NAMESPACE": "staging",
        "PARAM_DEPLOYMENT": "shop-pod",
        "PARAM_CONTAINER": "app",
        "PARAM_TIMEOUT": "60s",
        "RUN": "run-1",
        "FIELD_MANAGER": "tekton-delivery",
        "RESULT_IMAGE_PATH": str(sandbox.root / "image"),
    }
    return sandbox.run("deploy", **env | changed)


def serving(sandbox: Sandbox) -> str:
    return (sandbox.root / "serving").read_text()


def annotations(sandbox: Sandbox) -> dict[str, str]:
    (call,) = [call for call in sandbox.called("kubectl") if "annotate" in call]
    return dict(argument.split("=", 1) for argument in call if argument.startswith("tekton-delivery/"))


def test_the_image_is_rolled_out_and_waited_for(sandbox: Sandbox) -> None:
    result = deploy(sandbox)
    assert result.code == 0, result.err
    assert serving(sandbox) == NEW
    verbs = [call[2:4] for call in sandbox.called("kubectl")]
    assert verbs == [
        ["get", "deployment/shop-pod"],
        ["set", "image"],
        ["rollout", "status"],
        ["annotate", "deployment/shop-pod"],
    ]
    (wait,) = [call for call in sandbox.called("kubectl") if "rollout" in call]
    assert wait[wait.index("--timeout") + 1] == "60s"


def test_every_call_stays_in_the_environments_namespace(sandbox: Sandbox) -> None:
    deploy(sandbox, PARAM_NAMESPACE="production")
    assert sandbox.calls
    for call in sandbox.called("kubectl"):
        assert call[:2] == ["--namespace", "production"]


@pytest.mark.parametrize("verb", ["set", "annotate"])
def test_what_the_pipeline_writes_is_its_own(sandbox: Sandbox, verb: str) -> None:
    """Under this field manager Pulumi leaves the image alone."""
    deploy(sandbox)
    (call,) = [call for call in sandbox.called("kubectl") if verb in call]
    assert call[call.index("--field-manager") + 1] == "tekton-delivery"


def test_what_serves_is_noted_once_it_is_true(sandbox: Sandbox) -> None:
    deploy(sandbox)
    noted = annotations(sandbox)
    assert noted.pop("tekton-delivery/delivered-at").endswith("Z")
    assert noted == {
        "tekton-delivery/commit": SHA,
        "tekton-delivery/pull-request": "7",
        "tekton-delivery/digest": "sha256:" + "b" * 64,
        "tekton-delivery/run": "run-1",
    }


def test_an_image_that_never_gets_ready_is_taken_back_and_both_are_told(sandbox: Sandbox) -> None:
    result = deploy(sandbox, broken=NEW)
    assert result.code != 0
    assert serving(sandbox) == OLD
    assert f"error: {NEW} was not ready within 60s in staging" in result.err
    assert f"restored {OLD}" in result.err
    assert not [call for call in sandbox.called("kubectl") if "annotate" in call]


def test_a_way_back_that_does_not_get_ready_either_is_told_as_well(sandbox: Sandbox) -> None:
    result = deploy(sandbox, broken=f"{NEW} {OLD}")
    assert result.code != 0
    assert f"error: {NEW} was not ready within 60s in staging" in result.err
    assert f"error: restoring {OLD} failed as well" in result.err
    assert "\nrestored" not in result.err


def test_a_way_back_that_is_refused_is_told_as_well(sandbox: Sandbox) -> None:
    result = deploy(sandbox, broken=NEW, refused=OLD)
    assert result.code != 0
    assert f"error: restoring {OLD} failed as well" in result.err


def test_the_same_image_again_has_nothing_to_go_back_to(sandbox: Sandbox) -> None:
    result = deploy(sandbox, former=NEW, broken=NEW)
    assert result.code != 0
    assert len([call for call in sandbox.called("kubectl") if "set" in call]) == 1


def test_a_refused_change_changes_nothing(sandbox: Sandbox) -> None:
    result = deploy(sandbox, refused=NEW)
    assert result.code != 0
    assert serving(sandbox) == OLD
    assert "forbidden" in result.err
    assert not [call for call in sandbox.called("kubectl") if "annotate" in call]


def test_a_deployment_that_is_not_there_changes_nothing(sandbox: Sandbox) -> None:
    result = deploy(sandbox, kubectl="echo 'Error from server (NotFound)' >&2; exit 1")
    assert result.code != 0
    assert len(sandbox.calls) == 1


def test_the_image_is_handed_on_as_it_came(sandbox: Sandbox) -> None:
    deploy(sandbox)
    assert (sandbox.root / "image").read_bytes() == NEW.encode()
