#include "coordinator/client_messages.h"

static Cs__BatchProgress progress_of(const cs_batch_report *report);

cs_code cs_client_options_read(const Cs__Submit *submit, cs_arena *arena, cs_options *out,
                               cs_error *err)
{
    cs_option *items = cs_arena_array(arena, cs_option, submit->n_options);
    for (size_t i = 0; i < submit->n_options; i++) {
        const Cs__Option *option = submit->options[i];
        if (option->scope > CS_SCOPE_CONF)
            return cs_error_set(err, CS_E_PROTOCOL, "an option of scope %u, the last known is %d",
                                option->scope, CS_SCOPE_CONF);
        items[i] = (cs_option){ .scope = (cs_option_scope)option->scope,
                                .key = cs_wire_str(option->key),
                                .value = cs_wire_str(option->value),
                                .origin = cs_wire_str(option->origin) };
    }
    *out = (cs_options){ items, submit->n_options };
    return CS_OK;
}

cs_code cs_client_event_pack(const char *job, const cs_query_event *event, cs_arena *arena,
                             cs_buf *out, cs_error *err)
{
    Cs__ToClient message = CS__TO_CLIENT__INIT;
    Cs__Event body = CS__EVENT__INIT;
    Cs__Submitted submitted = CS__SUBMITTED__INIT;
    Cs__BatchProgress progress;
    Cs__Notice notice = CS__NOTICE__INIT;
    Cs__JobEnd end = CS__JOB_END__INIT;
    message.body_case = CS__TO_CLIENT__BODY_EVENT;
    message.event = &body;
    body.job = cs_wire_bytes(cs_str_of(job));
    switch (event->kind) {
    case CS_QUERY_EVENT_STARTED:
        submitted.job = body.job;
        submitted.stream = cs_wire_bytes((cs_str){ (const char *)event->stream.bytes,
                                                   sizeof event->stream.bytes });
        submitted.epoch = event->epoch;
        body.body_case = CS__EVENT__BODY_SUBMITTED;
        body.submitted = &submitted;
        break;
    case CS_QUERY_EVENT_BATCH:
        progress = progress_of(event->report);
        body.body_case = CS__EVENT__BODY_PROGRESS;
        body.progress = &progress;
        break;
    case CS_QUERY_EVENT_NOTICE:
        notice.level = event->level;
        notice.text = cs_wire_bytes(cs_str_of(event->text));
        body.body_case = CS__EVENT__BODY_NOTICE;
        body.notice = &notice;
        break;
    case CS_QUERY_EVENT_ENDED:
        if (event->error != NULL)
            end.error = cs_wire_error(event->error, arena);
        end.batches = event->batches;
        body.body_case = CS__EVENT__BODY_END;
        body.end = &end;
        break;
    }
    return cs_wire_pack_to_client(&message, out, err);
}

cs_code cs_client_refusal_pack(const cs_error *reason, cs_arena *arena, cs_buf *out, cs_error *err)
{
    Cs__ToClient message = CS__TO_CLIENT__INIT;
    message.body_case = CS__TO_CLIENT__BODY_REFUSED;
    message.refused = cs_wire_error(reason, arena);
    return cs_wire_pack_to_client(&message, out, err);
}

cs_code cs_client_pong_pack(uint32_t workers, cs_buf *out, cs_error *err)
{
    Cs__ToClient message = CS__TO_CLIENT__INIT;
    Cs__Pong pong = CS__PONG__INIT;
    pong.version = cs_wire_version();
    pong.workers = workers;
    message.body_case = CS__TO_CLIENT__BODY_PONG;
    message.pong = &pong;
    return cs_wire_pack_to_client(&message, out, err);
}

static Cs__BatchProgress progress_of(const cs_batch_report *report)
{
    Cs__BatchProgress progress = CS__BATCH_PROGRESS__INIT;
    progress.batch = report->batch;
    progress.files = report->files;
    progress.rows_in = report->rows_in;
    progress.rows_out = report->rows_out;
    progress.rows_rejected = report->rows_rejected;
    progress.bytes_in = report->bytes_in;
    progress.parts = report->parts;
    progress.part_bytes = report->part_bytes;
    progress.table_version = report->table_version;
    progress.backlog_files = report->backlog_files;
    progress.ms_latest_offset = report->ms_list;
    progress.ms_wal_commit = report->ms_save;
    progress.ms_add_batch = report->ms_work;
    progress.ms_commit = report->ms_commit;
    progress.ms_total = report->ms_total;
    progress.workers = report->workers;
    return progress;
}
