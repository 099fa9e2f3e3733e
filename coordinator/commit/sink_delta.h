/* The Delta sink in append mode, and its pieces: whether the job's columns fit the table (sink_delta_fit.c), what the
 * table says of streams (sink_delta_stream.c), what may be cleaned (sink_delta_clean.c). */
#ifndef CS_COORDINATOR_COMMIT_SINK_DELTA_H
#define CS_COORDINATOR_COMMIT_SINK_DELTA_H

#include "common/delta/delta_log.h"
#include "coordinator/commit/sink.h"

extern const cs_sink_ops cs_sink_delta_ops;

/* May this program append to the table at all: features, properties, partitions. */
CS_MUST_USE cs_code cs_delta_fit_table(const cs_delta_log *log, cs_error *err);
/* The job's columns, in their order and in the table's spelling; CS_E_SCHEMA_MISMATCH with both types, and with
 * both schemas in the hint. */
CS_MUST_USE cs_code cs_delta_fit_columns(const cs_schema *table, const cs_schema *job, cs_arena *arena,
                                         cs_schema *out, cs_error *err);
/* The codec that the job names, else the table's property, else snappy. table NULL: there is none. */
cs_codec cs_delta_fit_codec(const cs_delta_metadata *table, cs_compression compression);

#define CS_DELTA_APP_ID_MAX 80 /* `cstream-digest:`, 16 digits, colon, UUID, NUL */
void cs_delta_stream_digest_id(const cs_uuid *stream, uint64_t source_hash, char out[CS_DELTA_APP_ID_MAX]);
/* The digest txn of a stream, whatever source root and globs it was written for, as globs may change between
 * runs; of several the last written counts (lastUpdated of ours only grows). NULL: none. */
const cs_delta_txn *cs_delta_stream_digest(const cs_delta_log *log, const cs_uuid *stream);
/* Other streams with a digest txn of this source. */
const cs_sink_other *cs_delta_stream_others(const cs_delta_log *log, const cs_uuid *stream, uint64_t source_hash,
                                            cs_arena *arena, size_t *n);
/* Design §5, row 7: the version that carries the stream's txn (there must be one) names the V.json below it; true
 * where it cannot be told any more. */
CS_MUST_USE cs_code cs_delta_stream_below(cs_store *table, const cs_delta_log *log, const cs_uuid *stream, bool *ok,
                                          cs_error *err);

/* A part of the stream by its name (in any folder): its batch. */
bool cs_delta_stream_part(cs_str name, uint32_t stream_hash, uint64_t *batch);
/* Batches of the stream whose rows a Delta RESTORE took out in version `at`: first and last of them; *parts 0 when
 * that version is no RESTORE, or none that concerns us. */
typedef struct cs_delta_restored {
    uint64_t parts, first, last;
} cs_delta_restored;
CS_MUST_USE cs_code cs_delta_stream_restored(cs_store *table, int64_t at, uint32_t stream_hash,
                                             cs_delta_restored *out, cs_error *err);

/* What the last cleaning went through. */
typedef struct cs_delta_clean {
    int64_t version; /* of the log; -1: nothing yet */
    int64_t batch;   /* parts of batches up to this one were judged */
} cs_delta_clean;
#define CS_DELTA_CLEAN_INIT ((cs_delta_clean){ -1, -1 })
/* Removes temporaries of the stream, and its parts of batches in (clean->batch, committed] that no commit and no
 * log checkpoint names. `log` must be refreshed and hold txn[S] >= committed. */
CS_MUST_USE cs_code cs_delta_clean_run(cs_delta_clean *clean, cs_store *table, const cs_delta_log *log,
                                       uint32_t stream_hash, int64_t committed, uint64_t *removed, cs_error *err);

#endif
