package dunlin.clients;

import java.io.File;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;

/** A server under test: DUNLIN_SERVER_BIN on a free port, started, stopped and started again. */
final class Server {
    /** What a test may wait for anything. Far above what a healthy server needs: only a lost event reaches it. */
    static final Duration DEADLINE = Duration.ofSeconds(30);

    /** How a process is ended. */
    enum Signal { TERM, KILL }

    private static final InetAddress HOST = InetAddress.getLoopbackAddress();

    private final int port;
    private Process process;

    private Server(int port) {
        this.port = port;
    }

    /** Returns a server that accepts connections. */
    static Server running() throws IOException, InterruptedException {
        try (ServerSocket probe = new ServerSocket(0, 0, HOST)) {
            Server server = new Server(probe.getLocalPort());
            probe.close();
            server.start();
            return server;
        }
    }

    String url() {
        return "nats://127.0.0.1:" + port;
    }

    /** Returns when the server accepts connections. */
    void start() throws IOException, InterruptedException {
        String log = System.getenv("DUNLIN_SERVER_LOG");
        var output = log == null
                ? ProcessBuilder.Redirect.DISCARD
                : ProcessBuilder.Redirect.appendTo(new File(log));
        process = new ProcessBuilder(System.getenv("DUNLIN_SERVER_BIN"), "-a", "127.0.0.1", "-p", "" + port)
                .redirectErrorStream(true)
                .redirectOutput(output)
                .start();
        Instant giveUp = Instant.now().plus(DEADLINE);
        while (!accepts()) {
            if (!process.isAlive()) throw new IOException("the server ended before it listened");
            if (Instant.now().isAfter(giveUp)) throw new IOException("the server does not accept connections");
            Thread.sleep(10); // A port that opens sends no event: ask again, a little later.
        }
    }

    /** Returns when the process is gone. */
    void stop(Signal how) throws IOException, InterruptedException {
        if (how == Signal.TERM) process.destroy();
        else process.destroyForcibly();
        if (!process.waitFor(DEADLINE.toSeconds(), TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new IOException("the server did not end");
        }
    }

    private boolean accepts() throws IOException {
        try (Socket socket = new Socket(HOST, port)) {
            return true;
        } catch (ConnectException refused) {
            return false;
        }
    }
}
