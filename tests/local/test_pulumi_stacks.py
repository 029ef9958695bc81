"""Pulumi on the embedded cluster."""

from pathlib import Path

from local import pulumi_stacks


def test_where_the_cli_would_write_its_logs_is_no_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "logs").mkdir(parents=True)
    (home / "logs" / "pulumi-1.log").write_text("much")
    for _ in range(2):
        pulumi_stacks.without_logs(home)
        assert (home / "logs").is_file()
