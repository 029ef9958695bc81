"""The stand-in for kubernetes: the provider's options and its kubeconfig."""

import pytest

from local.plugins.kubernetes import settings
from local.plugins.server import RefusalError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"renderYamlToDirectory": "x"}, "'renderYamlToDirectory'"),
        ({"enableServerSideApply": "false"}, "only applies server-side"),
        ({"enableSecretMutable": "yes"}, "allowed are true and false"),
    ],
)
def test_provider_options_that_are_refused(values, message):
    with pytest.raises(RefusalError, match=message):
        settings.read(values)


def test_an_environment_variable_of_the_plugin_is_not_ignored(monkeypatch):
    monkeypatch.setenv("PULUMI_K8S_AWAIT_ALL", "true")
    with pytest.raises(RefusalError, match="PULUMI_K8S_AWAIT_ALL"):
        settings.read({})


KUBECONFIG = """
clusters: [{name: one, cluster: {server: "https://one:6443"}}, {name: two, cluster: {server: "https://two:6443"}}]
contexts: [{name: one, context: {cluster: one, namespace: here}}, {name: two, context: {cluster: two}}]
current-context: one
"""


def test_a_kubeconfig_is_a_text_or_a_path(tmp_path):
    path = tmp_path / "config"
    path.write_text(KUBECONFIG)
    for given in (KUBECONFIG, str(path)):
        assert settings.read({"kubeconfig": given}).server() == "https://one:6443"
        assert settings.read({"kubeconfig": given, "context": "two"}).server() == "https://two:6443"
    assert settings.read({"kubeconfig": KUBECONFIG}).default_namespace() == "here"
    assert settings.read({"kubeconfig": KUBECONFIG, "namespace": "there"}).default_namespace() == "there"


def test_a_kubeconfig_that_is_missing_or_lacks_the_context_is_named(tmp_path):
    with pytest.raises(RefusalError, match="No such file"):
        settings.read({"kubeconfig": str(tmp_path / "none")}).cluster()
    with pytest.raises(RefusalError, match="has no context 'three'; it has: one, two"):
        settings.read({"kubeconfig": KUBECONFIG, "context": "three"}).cluster()
