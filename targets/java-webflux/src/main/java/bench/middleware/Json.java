package bench.middleware;

import static tools.jackson.databind.cfg.CoercionAction.Fail;

import com.fasterxml.jackson.annotation.Nulls;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.util.JsonRecyclerPools;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.cfg.CoercionInputShape;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.type.LogicalType;

/** The one JSON dialect of the service: no type ever coerced into another, no null in a list or a map. */
final class Json {

    /** Jackson's own 500 are few for valid JSON. Deep values are only walked over, which takes no stack. */
    private static final int MAX_DEPTH = 10_000;

    static final JsonMapper STRICT = JsonMapper.builder(JsonFactory.builder()
                    // Everything is read and written on a few event loops: their buffers need no shared pool.
                    .recyclerPool(JsonRecyclerPools.threadLocalPool())
                    .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(MAX_DEPTH).build())
                    .build())
            .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
            // Which leaves strings out: they would take any scalar.
            .withCoercionConfig(LogicalType.Textual, text -> text.setCoercion(CoercionInputShape.Integer, Fail)
                    .setCoercion(CoercionInputShape.Float, Fail)
                    .setCoercion(CoercionInputShape.Boolean, Fail))
            .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .changeDefaultNullHandling(defaults -> defaults.withContentNulls(Nulls.FAIL))
            .build();

    private Json() {}
}
