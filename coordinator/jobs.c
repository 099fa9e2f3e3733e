#include "coordinator/jobs.h"

#include <stdlib.h>

#include "common/base/hash.h"
#include "common/base/limits.h"

struct cs_jobs {
    cs_rng *rng;
    cs_job_id last_id;
    cs_submitted *items[CS_JOBS_MAX];
    size_t count;
};

static cs_options copy_options(const cs_options *options, cs_arena *arena);
static void free_job(cs_submitted *job);

cs_jobs *cs_jobs_new(cs_rng *rng)
{
    cs_jobs *jobs = cs_xcalloc(1, sizeof *jobs);
    jobs->rng = rng;
    return jobs;
}

void cs_jobs_free(cs_jobs *jobs)
{
    if (jobs == NULL)
        return;
    for (size_t i = 0; i < jobs->count; i++)
        free_job(jobs->items[i]);
    free(jobs);
}

cs_code cs_jobs_add(cs_jobs *jobs, const cs_options *options, const cs_peer *watcher,
                    cs_submitted **out, cs_error *err)
{
    if (jobs->count == CS_JOBS_MAX)
        return cs_error_set(err, CS_E_LIMIT, "%u jobs run here already, which is the limit",
                            CS_JOBS_MAX);
    cs_submitted *job = cs_xcalloc(1, sizeof *job);
    cs_options copy = copy_options(options, &job->arena);
    cs_code code = cs_job_parse(&copy, &job->arena, &job->job, err);
    if (code != CS_OK) {
        free_job(job);
        return code;
    }
    uint8_t name[CS_JOB_NAME_LEN / 2];
    do {
        cs_rng_fill(jobs->rng, name, sizeof name);
        cs_hex(job->name, name, sizeof name);
    } while (cs_jobs_find_name(jobs, cs_str_of(job->name)) != NULL);
    job->id = ++jobs->last_id;
    job->watched = true;
    job->watcher = *watcher;
    jobs->items[jobs->count++] = job;
    *out = job;
    return CS_OK;
}

void cs_jobs_remove(cs_jobs *jobs, cs_submitted *job)
{
    for (size_t i = 0; i < jobs->count; i++) {
        if (jobs->items[i] != job)
            continue;
        jobs->count--;
        memmove(&jobs->items[i], &jobs->items[i + 1], (jobs->count - i) * sizeof jobs->items[0]);
        free_job(job);
        return;
    }
}

size_t cs_jobs_count(const cs_jobs *jobs)
{
    return jobs->count;
}

cs_submitted *cs_jobs_at(const cs_jobs *jobs, size_t at)
{
    return jobs->items[at];
}

cs_submitted *cs_jobs_find(const cs_jobs *jobs, cs_job_id id)
{
    for (size_t i = 0; i < jobs->count; i++) {
        if (jobs->items[i]->id == id)
            return jobs->items[i];
    }
    return NULL;
}

cs_submitted *cs_jobs_find_name(const cs_jobs *jobs, cs_str name)
{
    for (size_t i = 0; i < jobs->count; i++) {
        if (cs_str_eq(cs_str_of(jobs->items[i]->name), name))
            return jobs->items[i];
    }
    return NULL;
}

cs_submitted *cs_jobs_find_watcher(const cs_jobs *jobs, const cs_peer *watcher)
{
    for (size_t i = 0; i < jobs->count; i++) {
        if (jobs->items[i]->watched && cs_peer_eq(&jobs->items[i]->watcher, watcher))
            return jobs->items[i];
    }
    return NULL;
}

static cs_options copy_options(const cs_options *options, cs_arena *arena)
{
    cs_option *items = cs_arena_array(arena, cs_option, options->count);
    for (size_t i = 0; i < options->count; i++) {
        items[i] = (cs_option){ .scope = options->items[i].scope,
                                .key = cs_arena_str(arena, options->items[i].key),
                                .value = cs_arena_str(arena, options->items[i].value),
                                .origin = cs_arena_str(arena, options->items[i].origin) };
    }
    return (cs_options){ items, options->count };
}

static void free_job(cs_submitted *job)
{
    cs_query_free(job->query);
    cs_buf_done(&job->end_message);
    cs_arena_done(&job->arena);
    free(job);
}
