"""Every test gets a server of its own and a `connect` whose connections are closed for it."""

import nats
import pytest

from server import Server


@pytest.fixture
def server(request):
    """A test chooses a configuration with `@pytest.mark.config("../access/name.conf")`."""
    marker = request.node.get_closest_marker("config")
    running = Server(*(marker.args if marker else ()))
    running.start()
    yield running
    running.stop()


@pytest.fixture
async def connect(server):
    connections = []

    async def connect(**options):
        connection = await nats.connect(server.url, **options)
        connections.append(connection)
        return connection

    yield connect
    for connection in connections:
        await connection.close()


@pytest.fixture
async def pair(connect):
    """A publisher and a subscriber, two connections."""
    return await connect(), await connect()
