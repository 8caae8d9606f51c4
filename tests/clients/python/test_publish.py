"""Publish and subscribe: who gets a message, whole and in order."""

import asyncio
import os

import nats.errors
import pytest

from messages import arrived, numbers, payloads, publish_all, settle, subscribe
from server import DEADLINE

MAX_PAYLOAD = 1024 * 1024  # The default of the protocol's servers, announced in INFO.


async def test_a_published_message_reaches_its_subscriber(pair):
    publisher, subscriber = pair
    subscription = await subscribe(subscriber, "greet")
    await publisher.publish("greet", b"hello")
    message = await subscription.next_msg(DEADLINE)
    assert (message.subject, message.data) == ("greet", b"hello")


async def test_a_flush_is_a_barrier(pair):
    publisher, subscriber = pair
    subscription = await subscribe(subscriber, "x")
    await publish_all(publisher, "x", numbers(1000))
    await settle(subscriber)
    assert subscription.pending_msgs == 1000


@pytest.mark.parametrize(
    ("pattern", "matching"),
    [
        ("a.*", ["a.b", "a.c"]),
        ("*.b", ["a.b", "b.b"]),
        ("a.*.c", ["a.b.c"]),
        ("*", ["a"]),
    ],
)
async def test_a_star_matches_exactly_one_token(pair, pattern, matching):
    assert await matched(pair, pattern) == matching


@pytest.mark.parametrize(
    ("pattern", "matching"),
    [
        ("a.>", ["a.b", "a.c", "a.b.c", "a.b.c.d"]),
        (">", ["a", "a.b", "a.c", "b.b", "a.b.c", "a.b.c.d"]),
        ("*.*.>", ["a.b.c", "a.b.c.d"]),
    ],
)
async def test_a_full_wildcard_matches_one_or_more_tokens(pair, pattern, matching):
    assert await matched(pair, pattern) == matching


async def matched(pair, pattern):
    publisher, subscriber = pair
    subscription = await subscribe(subscriber, pattern)
    for subject in ["a", "a.b", "a.c", "b.b", "a.b.c", "a.b.c.d"]:
        await publisher.publish(subject)
    await settle(publisher)
    return [message.subject for message in await arrived(subscriber, subscription)]


async def test_a_queue_group_hands_each_message_to_exactly_one_member(connect):
    shares = await shares_of_a_queue_group(connect, numbers(600))
    assert sorted(sum(shares, [])) == sorted(numbers(600))


async def test_every_member_of_a_queue_group_gets_some(connect):
    shares = await shares_of_a_queue_group(connect, numbers(600))
    assert all(shares)


async def shares_of_a_queue_group(connect, messages):
    publisher = await connect()
    members = [await connect() for _ in range(3)]
    subscriptions = [await subscribe(member, "jobs", queue="workers") for member in members]
    await publish_all(publisher, "jobs", messages)
    return [await payloads(*share) for share in zip(members, subscriptions)]


async def test_no_echo_keeps_own_messages_away(connect):
    quiet, other = await connect(no_echo=True), await connect()
    subscription = await subscribe(quiet, "x")
    await publish_all(quiet, "x", [b"own"])
    await publish_all(other, "x", [b"other"])
    assert await payloads(quiet, subscription) == [b"other"]


async def test_a_payload_of_max_payload_arrives_whole(pair):
    publisher, subscriber = pair
    subscription = await subscribe(subscriber, "large")
    payload = os.urandom(MAX_PAYLOAD)
    await publisher.publish("large", payload)
    arrived_whole = (await subscription.next_msg(DEADLINE)).data == payload
    assert arrived_whole  # Not the comparison itself: pytest would print two megabytes.


async def test_a_payload_over_max_payload_is_refused(connect):
    publisher = await connect()
    with pytest.raises(nats.errors.MaxPayloadError):
        await publisher.publish("large", bytes(MAX_PAYLOAD + 1))


async def test_many_messages_arrive_complete_and_in_order(pair):
    publisher, subscriber = pair
    messages = numbers(100_000)
    got, all_here = [], asyncio.Event()

    async def take(message):
        got.append(message.data)
        if len(got) == len(messages):
            all_here.set()

    await subscribe(subscriber, "many", cb=take)
    await publish_all(publisher, "many", messages)
    await asyncio.wait_for(all_here.wait(), DEADLINE)
    assert got == messages
