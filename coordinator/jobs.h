/* The jobs that were submitted to this coordinator and are not over yet, by number, by the name
 * that clients know, and by the client that watches. */
#ifndef CS_COORDINATOR_JOBS_H
#define CS_COORDINATOR_JOBS_H

#include "coordinator/query.h"

#define CS_JOB_NAME_LEN 8

typedef struct cs_submitted {
    cs_job_id id;
    char name[CS_JOB_NAME_LEN + 1]; /* drawn at random, hex: what clients call it */
    cs_arena arena;
    cs_job job;
    cs_query *query;
    bool watched; /* the client that submitted it is still there */
    cs_peer watcher;
    cs_buf end_message; /* JobEnd that found the watcher's queue full: to be sent again */
} cs_submitted;

typedef struct cs_jobs cs_jobs;

cs_jobs *cs_jobs_new(cs_rng *rng);
/* The queries in it must be over, or the process about to end. */
void cs_jobs_free(cs_jobs *jobs);
/* Parses the options, which are copied. CS_E_LIMIT at CS_JOBS_MAX jobs; errors of cs_job_parse.
 * The query is the caller's to start. */
CS_MUST_USE cs_code cs_jobs_add(cs_jobs *jobs, const cs_options *options, const cs_peer *watcher,
                                cs_submitted **out, cs_error *err);
/* Its query must be over or never started. */
void cs_jobs_remove(cs_jobs *jobs, cs_submitted *job);
size_t cs_jobs_count(const cs_jobs *jobs);
/* In order of submission; removing one moves those behind it. */
cs_submitted *cs_jobs_at(const cs_jobs *jobs, size_t at);
/* NULL where there is none. */
cs_submitted *cs_jobs_find(const cs_jobs *jobs, cs_job_id id);
cs_submitted *cs_jobs_find_name(const cs_jobs *jobs, cs_str name);
cs_submitted *cs_jobs_find_watcher(const cs_jobs *jobs, const cs_peer *watcher);

#endif
