#!/usr/bin/env python3
"""Certificates for tests: a certificate authority of its own, and servers that it vouches for.

    certificates.py DIR

DIR/ca.pem               the authority
DIR/good.pem, .key       for 127.0.0.1 and localhost
DIR/other.pem, .key      for another host
DIR/expired.pem, .key    for 127.0.0.1, until yesterday
"""
import datetime
import ipaddress
import os
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)


def name(text):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def certificate(subject, key, issuer, issuer_key, until, hosts=()):
    builder = (x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(key.public_key())
               .serial_number(x509.random_serial_number()).not_valid_before(NOW - 10 * DAY).not_valid_after(until)
               .add_extension(x509.BasicConstraints(ca=not hosts, path_length=None), critical=True))
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def main():
    directory = sys.argv[1]
    os.makedirs(directory, exist_ok=True)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    authority = certificate("authority of a test", ca_key, "authority of a test", ca_key, NOW + 10 * DAY)
    write(os.path.join(directory, "ca.pem"), authority.public_bytes(serialization.Encoding.PEM))
    here = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    for file, hosts, until in (("good", here, NOW + 10 * DAY), ("other", [x509.DNSName("other.example")], NOW + 10 * DAY),
                               ("expired", here, NOW - DAY)):
        key = ec.generate_private_key(ec.SECP256R1())
        made = certificate(file, key, "authority of a test", ca_key, until, hosts)
        write(os.path.join(directory, file + ".pem"), made.public_bytes(serialization.Encoding.PEM))
        write(os.path.join(directory, file + ".key"), key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


if __name__ == "__main__":
    main()
