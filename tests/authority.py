"""A certificate authority of a test's own, made by openssl: what no system believes."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

# Without the machine's own configuration, and what that adds to certificates.
CONFIG = "[req]\ndistinguished_name = name\n[name]\n"


@dataclass(frozen=True)
class Authority:
    """An authority's certificate and key, in a folder where those that it signs lie too."""

    folder: Path
    name: str

    @property
    def certificate(self) -> Path:
        return self.folder / f"{self.name}.pem"

    def signed(self, *names: str) -> tuple[Path, Path]:
        """A server's certificate for names such as `DNS:forge.example` or `IP:127.0.0.1`, and its key."""
        issuer = ["-CA", str(self.certificate), "-CAkey", str(self.folder / f"{self.name}.key")]
        return _certificate(self.folder, f"server-of-{self.name}", f"subjectAltName={','.join(names)}", *issuer)


def authority(folder: Path, name: str = "authority") -> Authority:
    """Make an authority."""
    _certificate(folder, name, "basicConstraints=critical,CA:TRUE")
    return Authority(folder, name)


def _certificate(folder: Path, name: str, extension: str, *issuer: str) -> tuple[Path, Path]:
    config, certificate, key = folder / "openssl.cnf", folder / f"{name}.pem", folder / f"{name}.key"
    config.write_text(CONFIG)
    command = ["openssl", "req", "-x509", "-config", config, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", extension, *issuer]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key
