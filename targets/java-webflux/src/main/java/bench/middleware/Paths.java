package bench.middleware;

/** The paths of the service, compared as they came: a percent-encoded character is no topic character. */
final class Paths {

    static final String HEALTH = "/healthz";
    static final String INFO = "/info";

    private static final String MESSAGES = "/v1/messages/";
    private static final int MAX_TOPIC_LENGTH = 128;

    private Paths() {}

    /** The topic a path of messages ends in; {@link #isMessages} must hold. */
    static String topic(String path) {
        return path.substring(MESSAGES.length());
    }

    /** Whether the path is that of the messages of one topic, whose name is well formed. */
    static boolean isMessages(String path) {
        int length = path.length() - MESSAGES.length();
        if (length < 1 || length > MAX_TOPIC_LENGTH || !path.startsWith(MESSAGES)) {
            return false;
        }
        for (int i = MESSAGES.length(); i < path.length(); i++) {
            if (!isTopicCharacter(path.charAt(i))) {
                return false;
            }
        }
        return true;
    }

    private static boolean isTopicCharacter(char c) {
        return (c >= 'a' && c <= 'z')
                || (c >= 'A' && c <= 'Z')
                || (c >= '0' && c <= '9')
                || c == '.'
                || c == '_'
                || c == '-';
    }
}
