"""Where an image's layers lie while it is built."""

import pytest

from components.settings.build import Storage, Volume
from components.tasks.build import BuildTaskArgs, spec
from components.tasks.git import SSH
from tests.support import Object


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({}, {"emptyDir": {"sizeLimit": "10Gi"}}),
        ({"storage": Storage(memory="1Gi")}, {"emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}),
        (
            {"storage": Storage(volume=Volume(size="20Gi"))},
            {
                "ephemeral": {
                    "volumeClaimTemplate": {
                        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "20Gi"}}}
                    }
                }
            },
        ),
        (
            {"storage": Storage(volume=Volume(size="20Gi", class_name="fast"))},
            {
                "ephemeral": {
                    "volumeClaimTemplate": {
                        "spec": {
                            "accessModes": ["ReadWriteOnce"],
                            "resources": {"requests": {"storage": "20Gi"}},
                            "storageClassName": "fast",
                        }
                    }
                }
            },
        ),
    ],
    ids=["the node's disk", "memory", "a volume", "a volume of a class"],
)
def test_layers_lie_where_the_settings_say(args: Object, expected: Object) -> None:
    made = spec(BuildTaskArgs(git=SSH, quarantine_insecure=False, builder_image="builder", seccomp_profile=None, **args))
    assert [volume for volume in made["volumes"] if volume["name"] == "storage"] == [{"name": "storage"} | expected]
