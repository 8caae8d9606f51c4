"""Small words shared by the tests: subscribe for sure, publish for sure, look at what arrived."""

from server import DEADLINE


async def settle(connection):
    """Returns when the server has dealt with everything said before.

    Twice, because nats-py 2.16 writes the PING of a flush ahead of commands that wait in its own buffer:
    the first PONG proves that the buffer went out, the second that the server has read it.
    """
    await connection.flush(DEADLINE)
    await connection.flush(DEADLINE)


async def subscribe(connection, subject, **options):
    """Returns a subscription that the server has."""
    subscription = await connection.subscribe(subject, **options)
    await settle(connection)
    return subscription


async def publish_all(connection, subject, payloads):
    """Returns when the server has taken every message."""
    for payload in payloads:
        await connection.publish(subject, payload)
    await settle(connection)


async def arrived(connection, subscription):
    """The messages the server had queued for the subscription: they come before the PONG."""
    await settle(connection)
    return [await subscription.next_msg(DEADLINE) for _ in range(subscription.pending_msgs)]


async def payloads(connection, subscription):
    return [message.data for message in await arrived(connection, subscription)]


def numbers(count):
    return [b"%d" % number for number in range(count)]
