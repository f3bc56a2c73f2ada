package bench.middleware;

/** A compiled topic pattern: words split at dots, {@code *} for exactly one word, {@code #} for zero or more. */
final class TopicPattern {

    private static final String ANY_WORD = "*";
    private static final String ANY_WORDS = "#";

    private final String[] words;

    private TopicPattern(String[] words) {
        this.words = words;
    }

    static TopicPattern compile(String pattern) {
        return new TopicPattern(split(pattern));
    }

    /** The words of a topic, empty ones included. */
    static String[] split(String topic) {
        int count = 1;
        for (int i = 0; i < topic.length(); i++) {
            if (topic.charAt(i) == '.') {
                count++;
            }
        }
        String[] words = new String[count];
        int start = 0;
        for (int i = 0; i < count - 1; i++) {
            int dot = topic.indexOf('.', start);
            words[i] = topic.substring(start, dot);
            start = dot + 1;
        }
        words[count - 1] = topic.substring(start);
        return words;
    }

    /**
     * Matches without recursion: at a mismatch the latest {@code #} takes one word more. It suffices to
     * reconsider the latest, because whatever an earlier one could take instead, the latest can take too.
     */
    boolean matches(String[] topic) {
        int at = 0;
        int next = 0;
        int latestHash = -1;
        int resumeAt = 0;
        while (at < topic.length) {
            if (next < words.length && words[next].equals(ANY_WORDS)) {
                latestHash = next++;
                resumeAt = at;
            } else if (next < words.length && wordMatches(words[next], topic[at])) {
                next++;
                at++;
            } else if (latestHash >= 0) {
                next = latestHash + 1;
                at = ++resumeAt;
            } else {
                return false;
            }
        }
        while (next < words.length && words[next].equals(ANY_WORDS)) {
            next++;
        }
        return next == words.length;
    }

    private static boolean wordMatches(String pattern, String word) {
        return pattern.equals(ANY_WORD) || pattern.equals(word);
    }
}
