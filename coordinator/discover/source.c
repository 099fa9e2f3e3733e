/* The registry: a new kind of source is a file beside this one and a line here. */
#include "coordinator/discover/source.h"

#include "coordinator/discover/source_dir.h"

static const cs_source_ops *const kinds[] = { &cs_source_dir };

/* A format that is no kind of source of its own is a format of files in a folder. */
cs_code cs_source_open(const cs_source_env *env, cs_source **out, cs_error *err)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (cs_str_eq(env->job->source_format, cs_str_of(kinds[i]->format_scheme)))
            return kinds[i]->open(env, out, err);
    }
    return cs_source_dir.open(env, out, err);
}
