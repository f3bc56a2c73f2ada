package bench.middleware;

/** A configuration the service cannot start with; the message is one line that names the variable and its value. */
final class ConfigException extends Exception {

    private static final long serialVersionUID = 1L;

    ConfigException(String variable, String value, String problem) {
        super(variable + "='" + value + "': " + problem);
    }
}
