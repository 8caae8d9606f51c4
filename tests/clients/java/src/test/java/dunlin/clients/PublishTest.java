package dunlin.clients;

import static dunlin.clients.Server.DEADLINE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertIterableEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.nats.client.Connection;
import io.nats.client.ConnectionListener.Events;
import io.nats.client.Message;
import io.nats.client.Options;
import io.nats.client.Subscription;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Publish and subscribe: who gets a message, whole and in order. */
class PublishTest extends NatsTest {
    private static final int MAX_PAYLOAD = 1024 * 1024; // The default of the protocol's servers, announced in INFO.

    @Test
    void aPublishedMessageReachesItsSubscriber() throws Exception {
        Subscription subscription = subscribe(subscriber, "greet");
        publisher.publish("greet", bytes("hello"));
        Message message = next(1, subscription).get(0);
        assertEquals("greet hello", message.getSubject() + " " + text(message));
    }

    @Test
    void aFlushIsABarrier() throws Exception {
        Subscription subscription = subscribe(subscriber, "x");
        publishAll(publisher, "x", numbers(1000));
        subscriber.flush(DEADLINE);
        assertEquals(1000, subscription.getPendingMessageCount());
    }

    @ParameterizedTest
    @CsvSource({"a.*, a.b a.c", "*.b, a.b b.b", "a.*.c, a.b.c", "*, a"})
    void aStarMatchesExactlyOneToken(String pattern, String matching) throws Exception {
        assertEquals(matching, matched(pattern));
    }

    @ParameterizedTest
    @CsvSource({"a.>, a.b a.c a.b.c a.b.c.d", ">, a a.b a.c b.b a.b.c a.b.c.d", "*.*.>, a.b.c a.b.c.d"})
    void aFullWildcardMatchesOneOrMoreTokens(String pattern, String matching) throws Exception {
        assertEquals(matching, matched(pattern));
    }

    private String matched(String pattern) throws Exception {
        Subscription subscription = subscribe(subscriber, pattern);
        for (String subject : "a a.b a.c b.b a.b.c a.b.c.d".split(" ")) publisher.publish(subject, null);
        publisher.flush(DEADLINE);
        return String.join(" ", arrived(subscriber, subscription).stream().map(Message::getSubject).toList());
    }

    @Test
    void aQueueGroupHandsEachMessageToExactlyOneMember() throws Exception {
        List<String> together = sharesOfAQueueGroup(numbers(600)).stream().flatMap(List::stream).sorted().toList();
        assertIterableEquals(numbers(600).stream().sorted().toList(), together);
    }

    @Test
    void everyMemberOfAQueueGroupGetsSome() throws Exception {
        assertTrue(sharesOfAQueueGroup(numbers(600)).stream().noneMatch(List::isEmpty));
    }

    private List<List<String>> sharesOfAQueueGroup(List<String> messages) throws Exception {
        List<Connection> members = List.of(subscriber, connect(), connect());
        List<Subscription> subscriptions = new ArrayList<>();
        for (Connection member : members) {
            subscriptions.add(member.subscribe("jobs", "workers"));
            member.flush(DEADLINE);
        }
        publishAll(publisher, "jobs", messages);
        List<List<String>> shares = new ArrayList<>();
        for (int member = 0; member < members.size(); member++) {
            shares.add(payloads(arrived(members.get(member), subscriptions.get(member))));
        }
        return shares;
    }

    @Test
    void noEchoKeepsOwnMessagesAway() throws Exception {
        Connection quiet = connect(Options.Builder::noEcho);
        Subscription subscription = subscribe(quiet, "x");
        publishAll(quiet, "x", List.of("own"));
        publishAll(publisher, "x", List.of("other"));
        assertEquals(List.of("other"), payloads(arrived(quiet, subscription)));
    }

    @Test
    void aPayloadOfMaxPayloadArrivesWhole() throws Exception {
        Subscription subscription = subscribe(subscriber, "large");
        byte[] payload = new byte[MAX_PAYLOAD];
        new Random(1).nextBytes(payload);
        publisher.publish("large", payload);
        assertArrayEquals(payload, next(1, subscription).get(0).getData());
    }

    @Test
    void aPayloadOverMaxPayloadIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> publisher.publish("large", new byte[MAX_PAYLOAD + 1]));
    }

    @Test
    void theServerClosesAConnectionThatIgnoresMaxPayload() throws Exception {
        CountDownLatch closed = new CountDownLatch(1);
        Connection careless = connect(options -> options.clientSideLimitChecks(false).noReconnect()
                .connectionListener((connection, event) -> {
                    if (event == Events.CLOSED) closed.countDown();
                }));
        careless.publish("large", new byte[MAX_PAYLOAD + 1]);
        assertTrue(closed.await(DEADLINE.toSeconds(), TimeUnit.SECONDS));
    }

    @Test
    void manyMessagesArriveCompleteAndInOrder() throws Exception {
        Subscription subscription = subscribe(subscriber, "many");
        List<String> messages = numbers(100_000);
        publishAll(publisher, "many", messages);
        assertIterableEquals(messages, payloads(next(messages.size(), subscription)));
    }
}
