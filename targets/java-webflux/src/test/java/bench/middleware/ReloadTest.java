package bench.middleware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import bench.middleware.RoutingTableFile.InvalidTableException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReloadTest {

    @TempDir
    private Path folder;

    private Path file;

    @BeforeEach
    void writeFirst() throws IOException {
        file = folder.resolve("routes.json");
        write(file, 1);
    }

    private static void write(Path file, int version) throws IOException {
        Files.writeString(file, """
                {"version": %d, "rules": [{"name": "r", "topic": "#", "destination": "d", "partitions": 1}]}
                """.formatted(version));
    }

    @Test
    void takesUpAFileReplacedByRename() throws Exception {
        try (Reload reload = new Reload(file)) {
            Path next = folder.resolve("next.json");
            write(next, 2);
            Files.setLastModifiedTime(next, Files.getLastModifiedTime(file));
            Files.move(next, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            reload.reloadIfChanged();
            assertEquals(2, reload.get().version());
        }
    }

    @Test
    void looksAtTheFileOnlyWhenItHasChanged() throws Exception {
        try (Reload reload = new Reload(file)) {
            RoutingTable first = reload.get();
            reload.reloadIfChanged();
            assertEquals(System.identityHashCode(first), System.identityHashCode(reload.get()));
            reload.reload();
            assertEquals(first.version(), reload.get().version());
        }
    }

    @Test
    void keepsTheOldTableWhenTheNewOneIsBad() throws Exception {
        try (Reload reload = new Reload(file)) {
            Files.writeString(file, "{\"version\": 2, \"rules\": []}");
            reload.reloadIfChanged();
            assertEquals(1, reload.get().version());
            Files.delete(file);
            reload.reloadIfChanged();
            assertEquals(1, reload.get().version());
            write(file, 3);
            reload.reloadIfChanged();
            assertEquals(3, reload.get().version());
        }
    }

    @Test
    void thereIsNoStartWithoutATable() throws IOException {
        Files.writeString(file, "{");
        assertThrows(InvalidTableException.class, () -> new Reload(file));
    }
}
