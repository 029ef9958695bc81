"""What a text of certificates holds."""

import re
import ssl

_BEGIN = re.compile(r"-----BEGIN ([^\n]*?)-----")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s[^-]*-----END CERTIFICATE-----")


def certificates(text: str) -> str:
    """Return what is wrong with certificates as PEM, or an empty text. Expired ones may be among them."""
    kinds = _BEGIN.findall(text)
    others = sorted({kind for kind in kinds if kind != "CERTIFICATE"})
    if any("PRIVATE KEY" in kind for kind in kinds):
        return "holds a private key, which no step needs and everybody could read; give the certificates alone"
    if not kinds:
        return (
            "is no PEM text (`-----BEGIN CERTIFICATE-----`); name a file as `{file: PATH}`, and turn a binary certificate "
            "into PEM with `openssl x509 -inform der`"
        )
    if "CERTIFICATE" not in kinds:
        return f"holds no certificate (`-----BEGIN CERTIFICATE-----`), only {' and '.join(others)}; give the authority's"
    if others:
        return f"holds {' and '.join(others)} beside certificates; give the certificates alone"
    found = _CERTIFICATE.findall(text)
    for number, certificate in enumerate(found, 1):
        if not _is_certificate(certificate):
            return f"holds a damaged certificate, the {number}. of {len(kinds)}; copy it anew, to its last line"
    if len(found) != len(kinds):
        return "holds a certificate without its end (`-----END CERTIFICATE-----`); copy it anew, to its last line"
    return ""


def _is_certificate(text: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=ssl.PEM_cert_to_DER_cert(text))
    except (ssl.SSLError, ValueError):
        return False
    return True
