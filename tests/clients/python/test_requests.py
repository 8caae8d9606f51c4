"""Requests, their answers, headers, and what happens when nobody answers."""

import asyncio
import time

import nats.errors
import pytest

from messages import subscribe
from server import DEADLINE

SOON = 2  # Seconds. Many round trips, and far from the deadline a timeout would take.


async def test_a_request_is_answered(pair):
    requester, responder = pair
    await answer(responder, "upper", bytes.upper)
    reply = await requester.request("upper", b"hello", timeout=DEADLINE)
    assert reply.data == b"HELLO"


async def test_concurrent_requests_get_their_own_answers(connect):
    await answer(await connect(), "echo", bytes)
    requesters = [await connect() for _ in range(20)]
    questions = [b"%d" % number for number in range(1000)]
    replies = await asyncio.gather(
        *(
            requesters[number % len(requesters)].request("echo", question, timeout=DEADLINE)
            for number, question in enumerate(questions)
        )
    )
    assert [reply.data for reply in replies] == questions


async def answer(connection, subject, function):
    async def respond(message):
        await message.respond(function(message.data))

    await subscribe(connection, subject, cb=respond)


# nats-py keeps headers in a plain dict, so a key has one value here; the other suites send several.
async def test_headers_arrive_with_a_message(pair):
    publisher, subscriber = pair
    subscription = await subscribe(subscriber, "x")
    headers = {"Trace": "a: b, c", "trace": "case counts"}
    await publisher.publish("x", b"body", headers=headers)
    message = await subscription.next_msg(DEADLINE)
    assert (message.headers, message.data) == (headers, b"body")


async def test_headers_come_back_with_a_reply(pair):
    requester, responder = pair

    async def respond(message):
        back = {"Back": message.headers["There"], "Other": "1"}
        await responder.publish(message.reply, b"body", headers=back)

    await subscribe(responder, "x", cb=respond)
    reply = await requester.request("x", headers={"There": "42"}, timeout=DEADLINE)
    assert (reply.headers, reply.data) == ({"Back": "42", "Other": "1"}, b"body")


async def test_a_request_without_responders_fails_with_its_own_error(connect):
    requester = await connect()
    with pytest.raises(nats.errors.NoRespondersError):
        await requester.request("nobody", timeout=DEADLINE)


async def test_a_request_without_responders_fails_at_once(connect):
    requester = await connect()
    started = time.monotonic()
    with pytest.raises(nats.errors.Error):
        await requester.request("nobody", timeout=DEADLINE)
    assert time.monotonic() - started < SOON
