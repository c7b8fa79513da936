"""Passwords and certificates, read where they are used; settings only say where they are."""

from __future__ import annotations

import os
import ssl
from pathlib import Path


class CredentialsError(RuntimeError):
    """A password or a certificate cannot be used on this machine; the message names its variable and its file."""


def read_password(key: str, file: str | None, variable: str) -> str | None:
    """Reads a password from its file, else from the environment.

    Args:
        key: the configuration key of the file.
        file: the file; the line break at its end is no part of the password.
        variable: the environment variable that has the password where there is no file.

    Returns:
        the password, or None where there is none.

    Raises:
        CredentialsError: if this machine cannot read the file.
    """
    if file is None:
        return os.environ.get(variable)
    return read_file(key, file).rstrip("\r\n")


def tls_context(
    service: str,
    ca_file: str | None,
    certificate_file: str | None,
    key_file: str | None,
    *,
    verify_hostname: bool = True,
) -> ssl.SSLContext:
    """The client's side of TLS; the server's certificate is always verified.

    Args:
        service: what the configuration keys of the files start with.
        ca_file: the authorities that are trusted, as PEM; None for those of the system.
        certificate_file: the client's own certificate, as PEM; None for none.
        key_file: its private key, as PEM and not encrypted.
        verify_hostname: whether the certificate must be for the host that was connected to.

    Raises:
        CredentialsError: if this machine cannot read a file, or it holds something else.
    """
    try:
        authorities = None if ca_file is None else read_file(f"{service}.ssl.ca_file", ca_file)
        context = ssl.create_default_context(cadata=authorities)
    except (ssl.SSLError, ValueError) as e:
        msg = f"{service}.ssl.ca_file {ca_file} holds no certificates in PEM: {e}."
        raise CredentialsError(msg) from e
    context.check_hostname = verify_hostname
    if certificate_file is not None and key_file is not None:
        for name, file in (("certificate", certificate_file), ("key", key_file)):
            read_file(f"{service}.ssl.{name}_file", file)
        try:
            # With a password that is wrong, an encrypted key is an error; without one, OpenSSL would ask for it.
            context.load_cert_chain(certificate_file, key_file, password="")
        except ssl.SSLError as e:
            msg = (
                f"{service}.ssl.certificate_file {certificate_file} and {service}.ssl.key_file {key_file} are not "
                f"a certificate and its private key in PEM, not encrypted: {e}."
            )
            raise CredentialsError(msg) from e
    return context


def read_file(key: str, file: str) -> str:
    """Reads a file of text.

    Raises:
        CredentialsError: if this machine cannot read it; `key` is what the message calls it.
    """
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as e:
        msg = f"{key} {file} cannot be read here: {e.strerror}."
        raise CredentialsError(msg) from e
    except UnicodeDecodeError as e:
        msg = f"{key} {file} is not text in UTF-8."
        raise CredentialsError(msg) from e
