package dunlin.clients;

import static dunlin.clients.Server.DEADLINE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import io.nats.client.Connection;
import io.nats.client.JetStreamStatusException;
import io.nats.client.Message;
import io.nats.client.Options;
import io.nats.client.Subscription;
import io.nats.client.impl.Headers;
import io.nats.client.impl.NatsMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** Requests, their answers, headers, and what happens when nobody answers. */
class RequestTest extends NatsTest {
    /** Many round trips, and far from the deadline a timeout would take. */
    private static final Duration SOON = Duration.ofSeconds(2);

    /** Answers requests; the server has the subscription when this returns. */
    private static void answer(Connection connection, String subject, Function<Message, byte[]> respond)
            throws Exception {
        connection.createDispatcher(request ->
                connection.publish(request.getReplyTo(), request.getHeaders(), respond.apply(request)))
                .subscribe(subject);
        connection.flush(DEADLINE);
    }

    private static Message get(CompletableFuture<Message> reply) throws Exception {
        return reply.get(DEADLINE.toSeconds(), TimeUnit.SECONDS);
    }

    @Test
    void aRequestIsAnswered() throws Exception {
        answer(subscriber, "upper", request -> bytes(text(request).toUpperCase()));
        assertEquals("HELLO", text(get(publisher.requestWithTimeout("upper", bytes("hello"), DEADLINE))));
    }

    @Test
    void concurrentRequestsGetTheirOwnAnswers() throws Exception {
        answer(subscriber, "echo", Message::getData);
        List<Connection> requesters = new ArrayList<>();
        for (int index = 0; index < 20; index++) requesters.add(connect());
        List<CompletableFuture<Message>> asked = new ArrayList<>();
        for (String question : numbers(1000)) {
            Connection requester = requesters.get(asked.size() % requesters.size());
            asked.add(requester.requestWithTimeout("echo", bytes(question), DEADLINE));
        }
        List<Message> replies = new ArrayList<>();
        for (CompletableFuture<Message> reply : asked) replies.add(get(reply));
        assertEquals(numbers(1000), payloads(replies));
    }

    /** Keys with more than one value, and two keys that differ in case only. */
    private static Headers headers() {
        return new Headers().add("Color", "red", "green: dark, not light").add("color", "other");
    }

    private static Message withHeaders(String payload) {
        return NatsMessage.builder().subject("x").headers(headers()).data(payload).build();
    }

    @Test
    void headersWithSeveralValuesArriveWithAMessage() throws Exception {
        Subscription subscription = subscribe(subscriber, "x");
        publisher.publish(withHeaders("body"));
        assertEquals(headers().toMap(), next(1, subscription).get(0).getHeaders().toMap());
    }

    @Test
    void headersWithSeveralValuesComeBackWithAReply() throws Exception {
        answer(subscriber, "x", Message::getData);
        Message reply = get(publisher.requestWithTimeout(withHeaders("body"), DEADLINE));
        assertEquals(headers().toMap(), reply.getHeaders().toMap());
    }

    @Test
    void aPayloadWithHeadersIsNotTouchedByThem() throws Exception {
        Subscription subscription = subscribe(subscriber, "x");
        publisher.publish(withHeaders("body\r\n"));
        assertEquals("body\r\n", text(next(1, subscription).get(0)));
    }

    @Test
    void aRequestWithoutRespondersFailsWithItsOwnError() throws Exception {
        Connection requester = connect(Options.Builder::reportNoResponders);
        var failed = assertThrows(ExecutionException.class,
                () -> get(requester.requestWithTimeout("nobody", null, DEADLINE)));
        assertEquals(503, ((JetStreamStatusException) failed.getCause()).getStatus().getCode());
    }

    @Test
    void aRequestWithoutRespondersFailsAtOnce() throws Exception {
        Connection requester = connect(Options.Builder::reportNoResponders);
        assertTimeout(SOON, () -> assertThrows(ExecutionException.class,
                () -> get(requester.requestWithTimeout("nobody", null, DEADLINE))));
    }
}
