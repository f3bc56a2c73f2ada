package bench.middleware;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.lang.management.ManagementFactory;
import java.util.List;
import org.springframework.core.SpringVersion;

/** What the service tells about itself: the body of {@code GET /info}. */
record Info(
        String target,
        String language,
        int contract,
        Component runtime,
        Component framework,
        List<Long> pids,
        int cpus,
        int workers,
        int permits,
        @JsonProperty("pool_size") int poolSize,
        @JsonProperty("table_version") int tableVersion,
        String algorithm,
        @JsonProperty("jwt_provider") String jwtProvider,
        String payload,
        @JsonProperty("messages_answered") long messagesAnswered,
        Details details) {

    record Component(String name, String version) {}

    /** @param heapMaxBytes the heap's limit */
    record Details(
            List<String> collectors,
            @JsonProperty("heap_max_bytes") long heapMaxBytes,
            String transport,
            @JsonProperty("jvm_arguments") List<String> jvmArguments) {}

    static Info of(
            Config config, String jwtProvider, String transport, int tableVersion, long messagesAnswered) {
        return new Info(
                "java-webflux",
                "Java",
                1,
                new Component(System.getProperty("java.vm.name"), Runtime.version().toString()),
                new Component("Spring WebFlux", SpringVersion.getVersion()),
                List.of(ProcessHandle.current().pid()),
                config.cpus(),
                config.cpus(),
                config.authMaxConcurrent(),
                config.backendPoolSize(),
                tableVersion,
                config.auth().map(auth -> auth.algorithm().name()).orElse("none"),
                jwtProvider,
                "raw",
                messagesAnswered,
                details(transport));
    }

    private static Details details(String transport) {
        return new Details(
                ManagementFactory.getGarbageCollectorMXBeans().stream()
                        .map(collector -> collector.getName())
                        .toList(),
                Runtime.getRuntime().maxMemory(),
                transport,
                ManagementFactory.getRuntimeMXBean().getInputArguments());
    }
}
