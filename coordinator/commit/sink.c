/* The registry of sinks. */
#include "coordinator/commit/sink.h"

#include "coordinator/commit/sink_delta.h"

static const struct {
    const char *format;
    const cs_sink_ops *ops;
} sinks[] = {
    { "delta", &cs_sink_delta_ops },
};

cs_code cs_sink_open(const cs_sink_env *env, cs_sink **out, cs_error *err)
{
    for (size_t i = 0; i < sizeof sinks / sizeof sinks[0]; i++) {
        if (cs_str_eq(env->job->sink_format, cs_str_of(sinks[i].format)))
            return sinks[i].ops->open(env, out, err);
    }
    return cs_error_set(err, CS_E_UNSUPPORTED, "writeStream format %.*s: there is no such sink",
                        CS_STR_ARG(env->job->sink_format));
}
