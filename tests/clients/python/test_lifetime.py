"""How subscriptions and connections end, and how they live through a restart of the server."""

import asyncio
import signal

import pytest

from messages import numbers, payloads, publish_all, settle, subscribe
from server import DEADLINE


async def test_auto_unsubscribe_ends_after_max(pair):
    assert (await first_three_of_ten(*pair)) == numbers(3)


async def test_the_server_sends_no_more_than_max(pair):
    publisher, subscriber = pair
    await first_three_of_ten(publisher, subscriber)
    assert subscriber.stats["in_msgs"] == 3


async def first_three_of_ten(publisher, subscriber):
    subscription = await subscriber.subscribe("x")
    await subscription.unsubscribe(limit=3)
    await settle(subscriber)
    await publish_all(publisher, "x", numbers(10))
    return await payloads(subscriber, subscription)


async def test_a_drained_subscription_gets_all_from_before(pair):
    publisher, subscriber = pair
    got, take = collector()
    subscription = await subscribe(subscriber, "x", cb=take)
    await publish_all(publisher, "x", numbers(1000))
    await subscription.drain()
    assert got == numbers(1000)


async def test_the_server_sends_nothing_after_a_drain(pair):
    publisher, subscriber = pair
    subscription = await subscribe(subscriber, "x", cb=collector()[1])
    await subscription.drain()
    await settle(subscriber)
    await publish_all(publisher, "x", [b"late"])
    await settle(subscriber)
    assert subscriber.stats["in_msgs"] == 0


async def test_a_drained_connection_gets_all_from_before(pair):
    publisher, subscriber = pair
    got, take = collector()
    await subscribe(subscriber, "x", cb=take)
    await publish_all(publisher, "x", numbers(1000))
    await subscriber.drain()
    assert got == numbers(1000)


async def test_a_drained_connection_sends_all_it_published(pair):
    publisher, subscriber = pair
    subscription = await subscribe(subscriber, "x")
    for number in numbers(1000):
        await publisher.publish("x", number)
    await publisher.drain()
    assert await payloads(subscriber, subscription) == numbers(1000)


def collector():
    """A list and the callback that fills it."""
    got = []

    async def take(message):
        got.append(message.data)

    return got, take


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
async def test_subscriptions_resume_after_a_restart(server, connect, how):
    publisher, publisher_back = await connect_patiently(connect)
    subscriber, subscriber_back = await connect_patiently(connect)
    subscription = await subscribe(subscriber, "x")
    await asyncio.to_thread(server.stop, how)
    await asyncio.to_thread(server.start)
    await asyncio.wait_for(asyncio.gather(publisher_back.wait(), subscriber_back.wait()), DEADLINE)
    await settle(subscriber)  # The SUB that was sent again is in force.
    await publish_all(publisher, "x", [b"after"])
    assert await payloads(subscriber, subscription) == [b"after"]


async def connect_patiently(connect):
    """A connection that tries again for as long as it takes, and the event that it is back."""
    back = asyncio.Event()

    async def reconnected():
        back.set()

    connection = await connect(reconnected_cb=reconnected, reconnect_time_wait=0.05, max_reconnect_attempts=-1)
    return connection, back
