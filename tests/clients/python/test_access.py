"""Who may connect, and what each may do."""

import asyncio

import nats
import pytest
from nats.errors import Error

from messages import payloads, publish_all, settle, subscribe
from server import DEADLINE

SEED = b"SUACEGYQCOLDWDBWJQ4CA3PLV3UUSSJJWKDCL7UPWOQGP4PVR6ETWCY5PQ"
OTHER_SEED = b"SUAGDQCW4RHPFGLHJQTD2LZWRUUV6IPNKVFL3YIPEQNNTQEQAQYNBY3BBM"


async def speaks(connection):
    subscription = await subscribe(connection, "open.x")
    await publish_all(connection, "open.x", [b"hello"])
    assert await payloads(connection, subscription) == [b"hello"]


async def refused(server, **options):
    errors = []

    async def note(error):
        errors.append(str(error))

    with pytest.raises(Exception):
        await nats.connect(
            server.url, allow_reconnect=False, max_reconnect_attempts=0, error_cb=note, connect_timeout=5, **options
        )
    assert any("authorization violation" in error.lower() for error in errors), errors


@pytest.mark.config("../access/token.conf")
async def test_a_token_lets_in(connect):
    await speaks(await connect(token="t0ken"))


@pytest.mark.config("../access/token.conf")
async def test_a_wrong_token_does_not(server):
    await refused(server, token="t0ke")


@pytest.mark.config("../access/token.conf")
async def test_nothing_at_all_does_not(server):
    await refused(server)


@pytest.mark.config("../access/users.conf")
async def test_a_password_lets_in(connect):
    await speaks(await connect(user="joe", password="secret"))


@pytest.mark.config("../access/users.conf")
async def test_a_password_kept_as_a_hash_lets_in(connect):
    await speaks(await connect(user="ann", password="secret"))


@pytest.mark.config("../access/users.conf")
async def test_a_wrong_password_does_not(server):
    await refused(server, user="joe", password="Secret")
    await refused(server, user="ann", password="Secret")


@pytest.mark.config("../access/users.conf")
async def test_a_key_lets_in(connect, tmp_path):
    seed = tmp_path / "user.nk"
    seed.write_bytes(SEED)
    await speaks(await connect(nkeys_seed=str(seed)))


@pytest.mark.config("../access/users.conf")
async def test_another_key_does_not(server, tmp_path):
    seed = tmp_path / "user.nk"
    seed.write_bytes(OTHER_SEED)
    await refused(server, nkeys_seed=str(seed))


@pytest.mark.config("../access/users.conf")
async def test_what_is_not_allowed_is_an_error_and_no_message(connect):
    errors = asyncio.Queue()

    async def note(error):
        errors.put_nowait(error)

    joe = await connect(user="joe", password="secret")
    low = await connect(user="low", password="secret", error_cb=note)
    shut, everything = await subscribe(low, "shut"), await subscribe(joe, ">")
    await low.publish("open.not", b"no")
    await low.publish("open.yes", b"yes")
    await joe.publish("shut", b"no")
    await settle(low)
    await settle(joe)
    assert sorted(await payloads(joe, everything)) == [b"no", b"yes"]
    assert shut.pending_msgs == 0
    first, second = [str(await asyncio.wait_for(errors.get(), DEADLINE)).lower() for _ in range(2)]
    assert 'permissions violation for subscription to "shut"' in first
    assert 'permissions violation for publish to "open.not"' in second
