package bench.middleware;

import bench.middleware.RoutingTableFile.InvalidTableException;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * The routing table in force. A new one is parsed aside and swapped in whole, on request or when the file has
 * changed; one that is not valid is logged and the old one kept.
 */
final class Reload implements Supplier<RoutingTable>, AutoCloseable {

    private static final Logger LOG = System.getLogger(Reload.class.getName());
    private static final long POLL_INTERVAL_MS = 500;

    private final Path file;
    private final ScheduledExecutorService poller =
            Executors.newSingleThreadScheduledExecutor(Thread.ofPlatform().name("reload").daemon().factory());
    private volatile RoutingTable table;
    private Stamp seen;

    /** What changes when a file is written or replaced; all null while it is missing. */
    private record Stamp(FileTime modified, long size, Object inode) {

        static Stamp of(Path file) {
            try {
                BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
                return new Stamp(attributes.lastModifiedTime(), attributes.size(), attributes.fileKey());
            } catch (IOException missing) {
                return new Stamp(null, 0, null);
            }
        }
    }

    /** @throws InvalidTableException when there is no valid table to start with */
    Reload(Path file) throws InvalidTableException {
        this.file = file;
        // Before reading: a change while the file is read is then seen at the next look.
        this.seen = Stamp.of(file);
        this.table = RoutingTableFile.load(file);
    }

    @Override
    public RoutingTable get() {
        return table;
    }

    /** Starts looking for changes. */
    void watch() {
        poller.scheduleWithFixedDelay(
                this::reloadIfChanged, POLL_INTERVAL_MS, POLL_INTERVAL_MS, TimeUnit.MILLISECONDS);
    }

    synchronized void reloadIfChanged() {
        if (!Stamp.of(file).equals(seen)) {
            reload();
        }
    }

    synchronized void reload() {
        seen = Stamp.of(file);
        try {
            table = RoutingTableFile.load(file);
        } catch (InvalidTableException e) {
            LOG.log(Level.WARNING, "routing table {0} refused, version {1,number,#} kept: {2}",
                    file, table.version(), e.getMessage());
        }
    }

    @Override
    public void close() {
        poller.shutdownNow();
    }
}
