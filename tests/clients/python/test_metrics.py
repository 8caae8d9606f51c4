"""The page for Prometheus, read by the parser of its own project, which is strict about OpenMetrics.

The only test here that nats-server does not pass: it has no such page.
"""

import os
import re
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from messages import payloads, publish_all, subscribe
from server import Server, free_port

FILES = os.environ.get("DUNLIN_CERTIFICATES", "")
DOCUMENTED = Path(__file__).parents[3] / "docs" / "monitoring.md"


@pytest.fixture
def monitored(tmp_path):
    """A server with everything that is counted, and where its page is."""
    port = free_port()
    file = tmp_path / "server.conf"
    file.write_text(
        f'http: "127.0.0.1:{port}"\n'
        f'tls {{ cert_file: "{FILES}/server.pem", key_file: "{FILES}/server-key.pem" }}\n'
        "allow_non_tls: true\nevents {}\n"
    )
    server = Server(file)
    server.start()
    yield server, f"http://127.0.0.1:{port}/metrics"
    server.stop()


def read(page):
    """The families of the page, by name, as the parser understands them."""
    with urllib.request.urlopen(page, timeout=30) as answer:
        assert answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        families = list(text_string_to_metric_families(answer.read().decode()))
    found = {family.name: family for family in families}
    assert len(found) == len(families)
    return found


async def test_the_page_is_open_metrics(monitored):
    import nats

    server, page = monitored
    before = read(page)
    connection = await nats.connect(server.url)
    subscription = await subscribe(connection, "counted")
    await publish_all(connection, "counted", [b"x" * 10] * 100)
    assert len(await payloads(connection, subscription)) == 100
    after = read(page)
    await connection.close()
    assert after.keys() >= before.keys()
    value = lambda families, name: families[name].samples[0].value
    assert value(after, "dunlin_messages_in") - value(before, "dunlin_messages_in") == 100
    assert value(after, "dunlin_bytes_out") - value(before, "dunlin_bytes_out") == 1000
    for family in after.values():
        assert family.documentation, f"{family.name} says what it is"
        assert family.type != "unknown", f"{family.name} has a type"


def test_every_metric_is_documented_and_every_documented_one_is_there(monitored):
    _, page = monitored
    table = DOCUMENTED.read_text().split("## Metrics")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    names = [name.split("{")[0] for name in re.findall(r"`([^`]+)`", " ".join(rows))]
    documented = {name.removesuffix("_total").removesuffix("_info") for name in names}
    assert read(page).keys() == documented
