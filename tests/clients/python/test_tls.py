"""Encrypted connections, and certificates that say who somebody is."""

import os
import ssl

import nats
import pytest

from messages import payloads, publish_all, subscribe
from server import Server

FILES = os.environ.get("DUNLIN_CERTIFICATES", "")
SERVER = f"cert_file: \"{FILES}/server.pem\", key_file: \"{FILES}/server-key.pem\""
CLIENTS = f"{SERVER}, ca_file: \"{FILES}/ca.pem\""
USERS = "authorization { users: [{user: known.example, permissions: {publish: mine}}] }"


@pytest.fixture
def start(tmp_path):
    """Starts a server with a configuration."""
    servers = []

    def start(config):
        file = tmp_path / "server.conf"
        file.write_text(config)
        servers.append(Server(file))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def context(client=None):
    """What a client trusts, and shows."""
    context = ssl.create_default_context(cafile=f"{FILES}/ca.pem")
    if client is not None:
        context.load_cert_chain(f"{FILES}/{client}.pem", f"{FILES}/{client}-key.pem")
    return context


async def connect(server, tls, **options):
    # One attempt: what a test looks at is what comes of it.
    options = {"allow_reconnect": False, "max_reconnect_attempts": 1, **options}
    return await nats.connect(server.url, tls=tls, **options)


async def exchange(connection):
    subscription = await subscribe(connection, "mine")
    await publish_all(connection, "mine", [b"a", b"b" * 1_000_000])
    assert await payloads(connection, subscription) == [b"a", b"b" * 1_000_000]


async def test_messages_arrive_encrypted(start):
    connection = await connect(start(f"tls {{ {SERVER} }}"), context())
    await exchange(connection)
    await connection.close()


async def test_the_handshake_may_come_first(start):
    server = start(f"tls {{ {SERVER}, handshake_first: true }}")
    connection = await connect(server, context(), tls_handshake_first=True)
    await exchange(connection)
    await connection.close()


async def test_a_server_that_is_not_trusted_is_refused(start):
    server = start(f"tls {{ {SERVER} }}")
    with pytest.raises(ssl.SSLCertVerificationError):
        await connect(server, ssl.create_default_context())


async def test_a_demanded_certificate_lets_in(start):
    connection = await connect(start(f"tls {{ {CLIENTS}, verify: true }}"), context("unknown"))
    await exchange(connection)
    await connection.close()


async def test_without_a_demanded_certificate_nobody_is_let_in(start):
    server = start(f"tls {{ {CLIENTS}, verify: true }}")
    with pytest.raises(Exception) as raised:
        await connect(server, context())
    assert not isinstance(raised.value, nats.errors.TimeoutError)


async def test_a_certificate_says_who_somebody_is(start):
    errors = []

    async def note(error):
        errors.append(str(error))

    server = start(f"tls {{ {CLIENTS}, verify_and_map: true }}\n{USERS}")
    connection = await connect(server, context("known"), error_cb=note)
    await exchange(connection)
    await publish_all(connection, "not.mine", [b"a"])
    assert any("permissions violation" in error for error in errors), errors
    await connection.close()


async def test_a_certificate_of_nobody_is_refused(start):
    server = start(f"tls {{ {CLIENTS}, verify_and_map: true }}\n{USERS}")
    with pytest.raises(nats.errors.Error) as raised:
        await connect(server, context("unknown"))
    assert "authorization violation" in str(raised.value).lower()
