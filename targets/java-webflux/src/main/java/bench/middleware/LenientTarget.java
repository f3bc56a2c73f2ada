package bench.middleware;

import io.netty.channel.ChannelHandler.Sharable;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.http.HttpRequest;
import reactor.netty.NettyPipeline;

/**
 * Percent-encodes what {@link java.net.URI} refuses in a request target, so that such a request reaches the
 * routes, which answer 404 for a path and ignore a query, instead of ending in a bare 400 before them.
 */
@Sharable
final class LenientTarget extends ChannelInboundHandlerAdapter {

    private static final LenientTarget INSTANCE = new LenientTarget();
    private static final String ALLOWED_BESIDE_ALPHANUMERICS = "-._~!$&'()*+,;=:@/?";

    private LenientTarget() {}

    static void install(ChannelPipeline pipeline) {
        pipeline.addAfter(NettyPipeline.HttpCodec, "lenientTarget", INSTANCE);
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        if (message instanceof HttpRequest request) {
            String target = request.uri();
            int bad = firstBad(target);
            if (bad >= 0) {
                request.setUri(encode(target, bad));
            }
        }
        context.fireChannelRead(message);
    }

    private static int firstBad(String target) {
        for (int i = 0; i < target.length(); i++) {
            if (!isAllowed(target, i)) {
                return i;
            }
        }
        return -1;
    }

    private static boolean isAllowed(String target, int at) {
        char c = target.charAt(at);
        if (c == '%') {
            return at + 2 < target.length()
                    && Character.digit(target.charAt(at + 1), 16) >= 0
                    && Character.digit(target.charAt(at + 2), 16) >= 0;
        }
        return (c >= 'a' && c <= 'z')
                || (c >= 'A' && c <= 'Z')
                || (c >= '0' && c <= '9')
                || ALLOWED_BESIDE_ALPHANUMERICS.indexOf(c) >= 0;
    }

    private static String encode(String target, int firstBad) {
        StringBuilder encoded = new StringBuilder(target.length() + 16).append(target, 0, firstBad);
        for (int i = firstBad; i < target.length(); i++) {
            if (isAllowed(target, i)) {
                encoded.append(target.charAt(i));
            } else {
                encoded.append('%').append(String.format("%02X", target.charAt(i) & 0xff));
            }
        }
        return encoded.toString();
    }
}
