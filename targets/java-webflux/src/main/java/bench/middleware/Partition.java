package bench.middleware;

import java.nio.charset.StandardCharsets;

/** Spreads messages over a destination's partitions by their id. */
final class Partition {

    // FNV-1a, 64 bits: draft-eastlake-fnv, section 5.
    private static final long OFFSET_BASIS = 0xcbf29ce484222325L;
    private static final long PRIME = 0x100000001b3L;

    private Partition() {}

    static int of(String id, int partitions) {
        return (int) Long.remainderUnsigned(fnv1a(id.getBytes(StandardCharsets.UTF_8)), partitions);
    }

    /** The unsigned 64-bit hash, in a long's bits. */
    static long fnv1a(byte[] bytes) {
        long hash = OFFSET_BASIS;
        for (byte octet : bytes) {
            hash = (hash ^ (octet & 0xff)) * PRIME;
        }
        return hash;
    }
}
