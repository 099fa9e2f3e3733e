/* Read from the top; the first row that fits decides. Row 5 (a stream that was another engine's)
 * comes with taking over such streams. Each comparison closes a way to lose or double rows that a
 * model checker has shown (design §5): none is there for tidiness. */
#include "coordinator/recover.h"

#include <inttypes.h>

#include "common/base/fault.h"

static bool digest_is(const cs_recover_input *input, const cs_sha256 *digest);
static bool is_accepted(const cs_recover_input *input, const cs_sink_other *other);
static bool same_uuid(const cs_uuid *a, const cs_uuid *b);
static cs_code refuse_other_table(const cs_recover_input *input, cs_error *err);
static cs_code refuse_other_stream(const cs_recover_input *input, const cs_sink_other *other,
                                   cs_error *err);
static cs_code refuse_older_table(const cs_recover_input *input, cs_error *err);
static cs_code refuse_below(const cs_recover_input *input, cs_error *err);
static cs_code refuse_older_checkpoint(const cs_recover_input *input, cs_error *err);

cs_code cs_recover(const cs_recover_input *input, cs_recover_decision *out, cs_error *err)
{
    const cs_checkpoint_state *checkpoint = input->checkpoint;
    const cs_sink_state *sink = input->sink;
    int64_t committed = checkpoint->committed;
    int64_t shown = sink->batch;

    /* 1: the table is not the one that this checkpoint wrote to. */
    if (checkpoint->has_table_id && sink->table_exists &&
        !same_uuid(&checkpoint->table_id, &sink->table_id))
        return refuse_other_table(input, err);

    /* 2: another stream has brought files of this source here, and we do not know which. */
    for (size_t i = 0; i < sink->n_others; i++) {
        if (!is_accepted(input, &sink->others[i]) && !CS_MUTANT("other_stream_ignored"))
            return refuse_other_stream(input, &sink->others[i], err);
    }

    /* 3: neither side knows of the other yet. */
    if (checkpoint->empty && shown == -1) {
        *out = CS_RECOVER_NEW;
        return CS_OK;
    }

    /* 4: the table has lost batches that were committed. */
    if (shown < committed)
        return refuse_older_table(input, err);

    /* 6: both sides stand at the same batch. */
    if (shown == committed && digest_is(input, &checkpoint->digest)) {
        bool makes_table = committed == -1 && input->n_plans > 0;
        bool taken = makes_table && sink->table_exists &&
                     !same_uuid(&input->plans[0]->table_id, &sink->table_id);
        *out = taken ? CS_RECOVER_PLAN_ANEW : CS_RECOVER_REPLAY;
        return CS_OK;
    }

    /* 7: a planned batch is in the table already; only its mark is missing. */
    size_t ahead = shown > committed ? (size_t)(shown - committed) : 0;
    bool planned =
        ahead >= 1 && ahead <= input->n_plans && digest_is(input, &input->plans[ahead - 1]->digest);
    bool dropped =
        ahead == 1 && input->dropped != NULL && digest_is(input, &input->dropped->digest);
    if ((planned || dropped) && !sink->below_ok && !CS_MUTANT("below_not_compared"))
        return refuse_below(input, err);
    if (planned || dropped) {
        *out = planned ? CS_RECOVER_ADOPT : CS_RECOVER_ADOPT_DROPPED;
        return CS_OK;
    }

    /* 8: the table is ahead of what this checkpoint could have made. */
    return refuse_older_checkpoint(input, err);
}

/* Does the table's digest of our stream say this? The digest before the first batch is never
 * written. */
static bool digest_is(const cs_recover_input *input, const cs_sha256 *digest)
{
    const cs_sink_state *sink = input->sink;
    if (CS_MUTANT("digest_not_compared"))
        return true;
    return sink->has_digest ? sink->digest63 == cs_digest63(digest) : sink->batch == -1;
}

/* At exactly this batch: had the other stream gone on since, it would have brought files that we
 * count as new. */
static bool is_accepted(const cs_recover_input *input, const cs_sink_other *other)
{
    for (size_t i = 0; i < input->n_accepted; i++) {
        if (same_uuid(&input->accepted[i].stream, &other->stream))
            return input->accepted[i].batch == other->batch;
    }
    return false;
}

static bool same_uuid(const cs_uuid *a, const cs_uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* --- refusals, each with the way out --- */

static void hint_reset(const cs_recover_input *input, const char *before, cs_error *err)
{
    cs_error_hint(err,
                  "%s`cstream-submit checkpoint reset --include-existing-files=false %.*s` goes on "
                  "with files "
                  "that land from then on; =true reads all files that are there now, too",
                  before, CS_STR_ARG(input->checkpoint_path));
}

static cs_code refuse_other_table(const cs_recover_input *input, cs_error *err)
{
    char now[CS_UUID_TEXT_LEN + 1], before[CS_UUID_TEXT_LEN + 1];
    cs_uuid_text(&input->sink->table_id, now);
    cs_uuid_text(&input->checkpoint->table_id, before);
    cs_code code = cs_error_set(
        err, CS_E_TABLE_REPLACED,
        "%.*s is another table now: its id is %s, checkpoint %.*s belongs to table %s",
        CS_STR_ARG(input->table_path), now, CS_STR_ARG(input->checkpoint_path), before);
    cs_error_hint(err,
                  "put the old table back, or take another --checkpoint-location for the new one: "
                  "that reads all "
                  "files of %.*s into it",
                  CS_STR_ARG(input->source_path));
    return code;
}

static cs_code refuse_other_stream(const cs_recover_input *input, const cs_sink_other *other,
                                   cs_error *err)
{
    char stream[CS_UUID_TEXT_LEN + 1];
    cs_uuid_text(&other->stream, stream);
    cs_code code = cs_error_set(err, CS_E_CHECKPOINT_MISMATCH,
                                "table %.*s already has batches up to %" PRId64
                                " that stream %s read from %.*s, and checkpoint %.*s knows "
                                "nothing of them: either a former checkpoint was lost, or another "
                                "stream reads the same source into this table",
                                CS_STR_ARG(input->table_path), other->batch, stream,
                                CS_STR_ARG(input->source_path), CS_STR_ARG(input->checkpoint_path));
    cs_error_hint(
        err,
        "use the checkpoint of that stream; if it is lost, `cstream-submit checkpoint reset "
        "--include-existing-files=false %.*s` counts the files that are there now as done; =true "
        "reads them "
        "again, which doubles the rows of those that are in the table",
        CS_STR_ARG(input->checkpoint_path));
    return code;
}

static cs_code refuse_older_table(const cs_recover_input *input, cs_error *err)
{
    const char *what =
        input->sink->table_exists ? "was replaced, or restored from an older copy" : "is gone";
    cs_code code = cs_error_set(err, CS_E_TABLE_REPLACED,
                                "table %.*s %s: it shows batch %" PRId64
                                " of this stream, checkpoint %.*s has committed "
                                "batch %" PRId64,
                                CS_STR_ARG(input->table_path), what, input->sink->batch,
                                CS_STR_ARG(input->checkpoint_path), input->checkpoint->committed);
    hint_reset(input, "put the table back, or: ", err);
    return code;
}

static cs_code refuse_below(const cs_recover_input *input, cs_error *err)
{
    cs_code code = cs_error_set(err, CS_E_TABLE_REPLACED,
                                "table %.*s was replaced while batch %" PRId64
                                " was being committed: the version below "
                                "that batch is not the one that it was written upon",
                                CS_STR_ARG(input->table_path), input->sink->batch);
    hint_reset(input, "put the former table back, or: ", err);
    return code;
}

static cs_code refuse_older_checkpoint(const cs_recover_input *input, cs_error *err)
{
    cs_code code = cs_error_set(
        err, CS_E_CHECKPOINT_MISMATCH,
        "checkpoint %.*s does not fit table %.*s: the table shows batch %" PRId64 " of this "
        "stream, with content that this checkpoint did not plan (it has committed batch %" PRId64
        " and planned batch %" PRId64 "): the checkpoint is an older or another copy, or the "
        "table was replaced",
        CS_STR_ARG(input->checkpoint_path), CS_STR_ARG(input->table_path), input->sink->batch,
        input->checkpoint->committed, input->checkpoint->planned);
    hint_reset(input, "put the newest copy of the checkpoint back, or: ", err);
    return code;
}
