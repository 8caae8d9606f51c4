package dunlin.clients;

import static dunlin.clients.Server.DEADLINE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertIterableEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.nats.client.Connection;
import io.nats.client.ConnectionListener.Events;
import io.nats.client.Subscription;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** How subscriptions and connections end, and how they live through a restart of the server. */
class LifetimeTest extends NatsTest {
    @Test
    void autoUnsubscribeEndsAfterMax() throws Exception {
        assertEquals(numbers(3), firstThreeOfTen());
    }

    @Test
    void theServerSendsNoMoreThanMax() throws Exception {
        firstThreeOfTen();
        assertEquals(3, subscriber.getStatistics().getInMsgs());
    }

    private List<String> firstThreeOfTen() throws Exception {
        Subscription subscription = subscriber.subscribe("x").unsubscribe(3);
        subscriber.flush(DEADLINE);
        publishAll(publisher, "x", numbers(10));
        return payloads(arrived(subscriber, subscription));
    }

    @Test
    void aDrainedSubscriptionGetsAllFromBefore() throws Exception {
        Subscription subscription = subscribe(subscriber, "x");
        publishAll(publisher, "x", numbers(1000));
        var drained = subscription.drain(DEADLINE);
        List<String> got = payloads(next(1000, subscription));
        assertTrue(drained.get(DEADLINE.toSeconds(), TimeUnit.SECONDS));
        assertIterableEquals(numbers(1000), got);
    }

    @Test
    void theServerSendsNothingAfterADrain() throws Exception {
        Subscription subscription = subscribe(subscriber, "x");
        subscription.drain(DEADLINE).get(DEADLINE.toSeconds(), TimeUnit.SECONDS);
        publishAll(publisher, "x", List.of("late"));
        subscriber.flush(DEADLINE);
        assertEquals(0, subscriber.getStatistics().getInMsgs());
    }

    @Test
    void aDrainedConnectionGetsAllFromBefore() throws Exception {
        Subscription subscription = subscribe(subscriber, "x");
        publishAll(publisher, "x", numbers(1000));
        var drained = subscriber.drain(DEADLINE);
        List<String> got = payloads(next(1000, subscription));
        assertTrue(drained.get(DEADLINE.toSeconds(), TimeUnit.SECONDS));
        assertIterableEquals(numbers(1000), got);
    }

    @Test
    void aDrainedConnectionSendsAllItPublished() throws Exception {
        Subscription subscription = subscribe(subscriber, "x");
        for (String number : numbers(1000)) publisher.publish("x", bytes(number));
        publisher.drain(DEADLINE).get(DEADLINE.toSeconds(), TimeUnit.SECONDS);
        assertIterableEquals(numbers(1000), payloads(arrived(subscriber, subscription)));
    }

    @ParameterizedTest
    @EnumSource
    void subscriptionsResumeAfterARestart(Server.Signal how) throws Exception {
        CountDownLatch back = new CountDownLatch(2);
        Connection patientPublisher = connectPatiently(back);
        Connection patientSubscriber = connectPatiently(back);
        Subscription subscription = subscribe(patientSubscriber, "x");
        server.stop(how);
        server.start();
        assertTrue(back.await(DEADLINE.toSeconds(), TimeUnit.SECONDS));
        patientSubscriber.flush(DEADLINE); // The SUB that was sent again is in force.
        publishAll(patientPublisher, "x", List.of("after"));
        assertEquals(List.of("after"), payloads(arrived(patientSubscriber, subscription)));
    }

    /** A connection that tries again for as long as it takes, and counts when it is back. */
    private Connection connectPatiently(CountDownLatch back) throws Exception {
        return connect(options -> options.maxReconnects(-1).reconnectWait(Duration.ofMillis(50))
                .reconnectJitter(Duration.ofMillis(1))
                .connectionListener((connection, event) -> {
                    if (event == Events.RESUBSCRIBED) back.countDown();
                }));
    }
}
