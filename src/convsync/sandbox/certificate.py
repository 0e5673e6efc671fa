"""A certificate for loopback, created on the spot, for clients that insist on TLS.

There is one for the whole process and not one for every sandbox: gRPC reads its trusted roots once
and never again, so a second certificate would be trusted by nobody.
"""

import atexit
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NAMES = x509.SubjectAlternativeName(
    [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
)
SUBJECT = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "convsync sandbox")])
VALID_FOR = timedelta(days=30)


class Certificate(NamedTuple):
    """A self-signed certificate and its key; `path` is where the certificate is, as PEM."""

    path: Path
    certificate: bytes
    key: bytes


@cache
def this_process_certificate() -> Certificate:
    """Make it, or return the one already made. Its file goes when the process ends."""
    key = ec.generate_private_key(ec.SECP256R1())
    began = datetime.now(UTC) - timedelta(days=1)  # somebody's clock may be slow
    certificate = (
        x509.CertificateBuilder()
        .subject_name(SUBJECT)
        .issuer_name(SUBJECT)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(NAMES, critical=False)
        .sign(key, SHA256())
        .public_bytes(Encoding.PEM)
    )
    return Certificate(
        _kept_until_the_end(certificate),
        certificate,
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def _kept_until_the_end(certificate: bytes) -> Path:
    folder = tempfile.mkdtemp(prefix="convsync-sandbox-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / "certificate.pem"
    path.write_bytes(certificate)
    return path
