package bench.middleware;

import java.util.Map;

/**
 * One message. Every member is required and none is null.
 *
 * @param id 1 to 64 code points
 * @param priority 0 to 9
 * @param payload any JSON value but null, kept as written
 */
record Message(
        @Required String id,
        @Required String type,
        @Required int priority,
        @Required String region,
        @Required Map<String, String> attributes,
        @Required RawJson payload) {

    private static final int MAX_ID_CODE_POINTS = 64;
    private static final int MAX_PRIORITY = 9;

    /** Whether the values, whose types the parser has checked, lie in their ranges. */
    boolean isValid() {
        int idCodePoints = id.codePointCount(0, id.length());
        return idCodePoints >= 1
                && idCodePoints <= MAX_ID_CODE_POINTS
                && priority >= 0
                && priority <= MAX_PRIORITY;
    }
}
