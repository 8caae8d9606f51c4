package dunlin.clients;

import static dunlin.clients.Server.DEADLINE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import io.nats.client.Connection;
import io.nats.client.ErrorListener;
import io.nats.client.Message;
import io.nats.client.Nats;
import io.nats.client.Options;
import io.nats.client.Subscription;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;

/** Gives every test a server of its own, a publisher and a subscriber, and closes them after it. */
@Timeout(60)
abstract class NatsTest {
    Server server;
    Connection publisher;
    Connection subscriber;
    private final List<Connection> connections = new ArrayList<>();

    @BeforeEach
    void open() throws IOException, InterruptedException {
        server = Server.running();
        publisher = connect();
        subscriber = connect();
    }

    @AfterEach
    void close() throws IOException, InterruptedException {
        for (Connection connection : connections) connection.close();
        server.stop(Server.Signal.TERM);
    }

    Connection connect() throws IOException, InterruptedException {
        return connect(options -> options);
    }

    Connection connect(UnaryOperator<Options.Builder> with) throws IOException, InterruptedException {
        // The listener that does nothing: the default one logs every connection that a test cuts on purpose.
        var options = with.apply(new Options.Builder().server(server.url()).connectionTimeout(DEADLINE)
                .errorListener(new ErrorListener() {}));
        Connection connection = Nats.connect(options.build());
        connections.add(connection);
        return connection;
    }

    /** Returns a subscription that the server has. */
    static Subscription subscribe(Connection connection, String subject) throws Exception {
        Subscription subscription = connection.subscribe(subject);
        connection.flush(DEADLINE);
        return subscription;
    }

    /** Returns when the server has taken every message. */
    static void publishAll(Connection connection, String subject, List<String> payloads) throws Exception {
        for (String payload : payloads) connection.publish(subject, bytes(payload));
        connection.flush(DEADLINE);
    }

    /** What the server had queued for the subscription: it comes before the PONG. */
    static List<Message> arrived(Connection connection, Subscription subscription) throws Exception {
        connection.flush(DEADLINE);
        return next((int) subscription.getPendingMessageCount(), subscription);
    }

    /** The next messages, as soon as they are here. */
    static List<Message> next(int count, Subscription subscription) throws InterruptedException {
        List<Message> messages = new ArrayList<>();
        while (messages.size() < count) {
            Message message = subscription.nextMessage(DEADLINE);
            assertNotNull(message, () -> "message " + messages.size() + " of " + count + " did not come");
            messages.add(message);
        }
        return messages;
    }

    static List<String> payloads(List<Message> messages) {
        return messages.stream().map(NatsTest::text).toList();
    }

    static String text(Message message) {
        return new String(message.getData(), UTF_8);
    }

    static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }

    static List<String> numbers(int count) {
        return IntStream.range(0, count).mapToObj(Integer::toString).toList();
    }
}
