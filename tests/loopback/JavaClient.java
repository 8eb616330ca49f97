// WebSocket by Java's own client. Called as `JavaClient.java PORT FACT`; ends with status 0 when
// the fact holds.

import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

public final class JavaClient {
    /** What takes longer than this many seconds fails its fact. */
    private static final long STALL = 20;

    /** What came, whole messages only: `String`, `ByteBuffer`, `Pong` or `Closed`. */
    private final BlockingQueue<Object> inbox = new LinkedBlockingQueue<>();

    private final WebSocket socket;

    private record Pong(ByteBuffer payload) {}

    private record Closed(int code, String reason) {}

    public static void main(String[] arguments) throws Exception {
        var client = new JavaClient(arguments[0]);
        switch (arguments[1]) {
            case "java_is_echoed_text_and_binary" -> client.isEchoedTextAndBinary();
            case "java_is_echoed_a_mebibyte" -> client.isEchoedAMebibyte();
            case "java_sends_fragments_with_a_ping_between" -> client.sendsFragments();
            case "java_gets_pongs" -> client.getsPongs();
            case "java_gets_its_close_code_back" -> client.getsItsCloseCodeBack();
            default -> throw new IllegalArgumentException(arguments[1]);
        }
        // The client's threads keep nobody waiting.
        System.exit(0);
    }

    private void isEchoedTextAndBinary() throws Exception {
        for (var text : List.of("hello", "", "häßlich 😀", "x".repeat(65_536))) {
            done(socket.sendText(text, true));
            next(text);
        }
        for (int length : new int[] {0, 1, 125, 126, 65_535, 65_536}) {
            var bytes = new byte[length];
            Arrays.fill(bytes, (byte) 0xFE);
            done(socket.sendBinary(ByteBuffer.wrap(bytes), true));
            next(ByteBuffer.wrap(bytes));
        }
    }

    private void isEchoedAMebibyte() throws Exception {
        var text = "m".repeat(1 << 20);
        done(socket.sendText(text, true));
        next(text);
        var bytes = new byte[1 << 20];
        Arrays.fill(bytes, (byte) 0xFE);
        done(socket.sendBinary(ByteBuffer.wrap(bytes), true));
        next(ByteBuffer.wrap(bytes));
    }

    private void sendsFragments() throws Exception {
        done(socket.sendText("one ", false));
        done(socket.sendPing(ascii("in between")));
        // The message goes on only when the Pong is here.
        next(new Pong(ascii("in between")));
        done(socket.sendText("", false));
        done(socket.sendText("two 😀", true));
        next("one two 😀");
        done(socket.sendBinary(ascii("a"), false));
        done(socket.sendBinary(ascii("b"), true));
        next(ascii("ab"));
    }

    private void getsPongs() throws Exception {
        for (var payload : List.of("", "are you there", "x".repeat(125))) {
            done(socket.sendPing(ascii(payload)));
            next(new Pong(ascii(payload)));
        }
    }

    private void getsItsCloseCodeBack() throws Exception {
        done(socket.sendClose(4321, "bye"));
        var closed = (Closed) inbox.poll(STALL, TimeUnit.SECONDS);
        if (closed == null || closed.code() != 4321) throw new AssertionError(closed);
    }

    private JavaClient(String port) {
        var client = HttpClient.newBuilder().proxy(HttpClient.Builder.NO_PROXY).build();
        var address = URI.create("ws://127.0.0.1:" + port + "/news");
        socket = client.newWebSocketBuilder().buildAsync(address, new Listener()).join();
    }

    /** The next thing in the inbox is to be this. */
    private void next(Object expected) throws InterruptedException {
        var found = inbox.poll(STALL, TimeUnit.SECONDS);
        if (!Objects.equals(found, expected)) {
            throw new AssertionError("found " + brief(found) + ", expected " + brief(expected));
        }
    }

    private static String brief(Object thing) {
        var text = String.valueOf(thing);
        return text.length() > 100 ? text.substring(0, 100) + "…" : text;
    }

    private static void done(CompletableFuture<WebSocket> sent) throws Exception {
        sent.get(STALL, TimeUnit.SECONDS);
    }

    private static ByteBuffer ascii(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
    }

    /** Joins the parts in which the client hands out a message, and fills the inbox. */
    private final class Listener implements WebSocket.Listener {
        private final StringBuilder text = new StringBuilder();
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        @Override
        public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
            text.append(part);
            if (last) {
                inbox.add(text.toString());
                text.setLength(0);
            }
            socket.request(1);
            return null;
        }

        @Override
        public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer part, boolean last) {
            var taken = new byte[part.remaining()];
            part.get(taken);
            bytes.writeBytes(taken);
            if (last) {
                inbox.add(ByteBuffer.wrap(bytes.toByteArray()));
                bytes.reset();
            }
            socket.request(1);
            return null;
        }

        @Override
        public CompletionStage<?> onPong(WebSocket socket, ByteBuffer payload) {
            var taken = new byte[payload.remaining()];
            payload.get(taken);
            inbox.add(new Pong(ByteBuffer.wrap(taken)));
            socket.request(1);
            return null;
        }

        @Override
        public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
            inbox.add(new Closed(code, reason));
            return null;
        }

        @Override
        public void onError(WebSocket socket, Throwable error) {
            inbox.add(error);
        }
    }
}
