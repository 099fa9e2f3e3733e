/* What comes off a socket is believed only after it passed here: required parts are there, keys
 * have their sizes, counts and lengths keep their limits, and no path leads out of its root.
 * What only the receiver can know (is this key the one I sent? is this codec one of mine?) is
 * checked there. */
#include "common/wire/message_check.h"

#include "common/base/limits.h"
#include "common/wire/message.h"

#define STREAM_BYTES 16u
#define BATCH_LIMIT ((uint64_t)1 << 48) /* part names carry 48 bits */

static cs_code broken(cs_error *err, const char *field, const char *rule);
static cs_code check_bytes(ProtobufCBinaryData bytes, size_t min, size_t max, const char *field,
                           cs_error *err);
static cs_code check_version(const char *version, cs_error *err);
static cs_code check_path(ProtobufCBinaryData path, const char *field, cs_error *err);
static cs_code check_absolute(ProtobufCBinaryData path, const char *field, cs_error *err);
static cs_code check_key(const Cs__TaskKey *key, cs_error *err);
static cs_code check_error(const Cs__Error *error, cs_error *err);
static cs_code check_parse(const Cs__ParseWork *parse, cs_error *err);
static cs_code check_hello(const Cs__Hello *hello, cs_error *err);
static cs_code check_ack(const Cs__Ack *ack, cs_error *err);
static cs_code check_nack(const Cs__Nack *nack, cs_error *err);
static cs_code check_submit(const Cs__Submit *submit, cs_error *err);
static cs_code check_event(const Cs__Event *event, cs_error *err);

cs_code cs_wire_check_to_worker(const Cs__ToWorker *message, cs_error *err)
{
    switch (message->body_case) {
    case CS__TO_WORKER__BODY_WELCOME:
        if (message->welcome->heartbeat_ms == 0 || message->welcome->lease_ms == 0)
            return broken(err, "welcome", "its times are above 0");
        return CS_OK;
    case CS__TO_WORKER__BODY_TASK:
        CS_TRY(check_key(message->task->key, err));
        if (message->task->work_case != CS__TASK__WORK_PARSE)
            return broken(err, "task.work", "it is known");
        return check_parse(message->task->parse, err);
    case CS__TO_WORKER__BODY_CONFIRM:
        return check_key(message->confirm->key, err);
    case CS__TO_WORKER__BODY_CANCEL:
        return check_key(message->cancel->key, err);
    case CS__TO_WORKER__BODY_WHO:
        return CS_OK;
    case CS__TO_WORKER__BODY_LEAVE:
        return message->leave->reason == NULL ? CS_OK : check_error(message->leave->reason, err);
    default:
        return broken(err, "message to a worker", "its kind is known");
    }
}

cs_code cs_wire_check_from_worker(const Cs__FromWorker *message, cs_error *err)
{
    switch (message->body_case) {
    case CS__FROM_WORKER__BODY_HELLO:
        return check_hello(message->hello, err);
    case CS__FROM_WORKER__BODY_HEARTBEAT:
        return message->heartbeat->running == NULL
                   ? CS_OK
                   : check_key(message->heartbeat->running, err);
    case CS__FROM_WORKER__BODY_ACK:
        return check_ack(message->ack, err);
    case CS__FROM_WORKER__BODY_NACK:
        return check_nack(message->nack, err);
    case CS__FROM_WORKER__BODY_BYE:
        return CS_OK;
    default:
        return broken(err, "message of a worker", "its kind is known");
    }
}

cs_code cs_wire_check_from_client(const Cs__FromClient *message, cs_error *err)
{
    switch (message->body_case) {
    case CS__FROM_CLIENT__BODY_SUBMIT:
        return check_submit(message->submit, err);
    case CS__FROM_CLIENT__BODY_STOP:
        return check_bytes(message->stop->job, 0, CS_NAME_BYTES_MAX, "stop.job", err);
    case CS__FROM_CLIENT__BODY_PING:
        return CS_OK;
    default:
        return broken(err, "message of a client", "its kind is known");
    }
}

cs_code cs_wire_check_to_client(const Cs__ToClient *message, cs_error *err)
{
    switch (message->body_case) {
    case CS__TO_CLIENT__BODY_EVENT:
        return check_event(message->event, err);
    case CS__TO_CLIENT__BODY_PONG:
        return check_version(message->pong->version, err);
    case CS__TO_CLIENT__BODY_REFUSED:
        return check_error(message->refused, err);
    default:
        return broken(err, "message to a client", "its kind is known");
    }
}

static cs_code broken(cs_error *err, const char *field, const char *rule)
{
    return cs_error_set(err, CS_E_PROTOCOL, "%s breaks the rule that %s", field, rule);
}

static cs_code check_bytes(ProtobufCBinaryData bytes, size_t min, size_t max, const char *field,
                           cs_error *err)
{
    if (bytes.len < min || bytes.len > max)
        return cs_error_set(err, CS_E_PROTOCOL, "%s has %zu bytes, not %zu to %zu", field,
                            bytes.len, min, max);
    return CS_OK;
}

/* A string of protobuf may hold anything: only what a version can look like passes. */
static cs_code check_version(const char *version, cs_error *err)
{
    size_t len = strlen(version);
    if (len == 0 || len > CS_VERSION_BYTES_MAX)
        return cs_error_set(err, CS_E_PROTOCOL, "a version of %zu bytes, not 1 to %u", len,
                            CS_VERSION_BYTES_MAX);
    for (size_t i = 0; i < len; i++) {
        if (version[i] <= 0x20 || version[i] >= 0x7f)
            return broken(err, "version", "it is plain text");
    }
    return CS_OK;
}

static cs_code check_path(ProtobufCBinaryData path, const char *field, cs_error *err)
{
    CS_TRY(check_bytes(path, 1, CS_PATH_BYTES_MAX, field, err));
    if (memchr(path.data, '\0', path.len) != NULL)
        return broken(err, field, "a path holds no NUL");
    cs_str rest = cs_wire_str(path);
    if (rest.ptr[rest.len - 1] == '/')
        return broken(err, field, "a path has no empty piece");
    cs_str piece;
    while (cs_str_split(&rest, '/', &piece)) {
        if (piece.len == 0 || cs_str_eq(piece, CS_STR(".")) || cs_str_eq(piece, CS_STR("..")))
            return broken(err, field, "a path stays beneath its root");
    }
    return CS_OK;
}

static cs_code check_absolute(ProtobufCBinaryData path, const char *field, cs_error *err)
{
    CS_TRY(check_bytes(path, 1, CS_PATH_BYTES_MAX, field, err));
    if (path.data[0] != '/' || memchr(path.data, '\0', path.len) != NULL)
        return broken(err, field, "it is an absolute path");
    return CS_OK;
}

static cs_code check_key(const Cs__TaskKey *key, cs_error *err)
{
    if (key == NULL)
        return broken(err, "key", "it is there");
    CS_TRY(check_bytes(key->stream, STREAM_BYTES, STREAM_BYTES, "key.stream", err));
    if (key->batch >= BATCH_LIMIT)
        return broken(err, "key.batch", "it is below 2^48");
    return CS_OK;
}

static cs_code check_error(const Cs__Error *error, cs_error *err)
{
    static const size_t text_max = 4 * sizeof((cs_error *)NULL)->message;
    if (strlen(error->code) > CS_NAME_BYTES_MAX)
        return broken(err, "error.code", "it is a short name");
    if (error->exit_status < 1 || error->exit_status > 255)
        return broken(err, "error.exit_status", "it is 1 to 255");
    CS_TRY(check_bytes(error->message, 0, text_max, "error.message", err));
    CS_TRY(check_bytes(error->place, 0, text_max, "error.place", err));
    return check_bytes(error->hint, 0, text_max, "error.hint", err);
}

static cs_code check_file_split(const Cs__FileSplit *file, cs_error *err)
{
    CS_TRY(check_path(file->path, "split.path", err));
    if (file->begin > file->end || file->end > file->size_bytes)
        return broken(err, "split", "begin <= end <= size");
    return CS_OK;
}

static cs_code check_parse(const Cs__ParseWork *parse, cs_error *err)
{
    CS_TRY(check_bytes(parse->options, 1, CS_MESSAGE_BYTES_MAX, "task.options", err));
    CS_TRY(check_bytes(parse->write_schema, 1, CS_SCHEMA_BYTES_MAX, "task.write_schema", err));
    CS_TRY(check_absolute(parse->table_root, "task.table_root", err));
    if (parse->n_splits == 0 || parse->n_splits > CS_TASK_SPLITS_MAX)
        return cs_error_set(err, CS_E_PROTOCOL, "a task of %zu splits, not 1 to %u",
                            parse->n_splits, CS_TASK_SPLITS_MAX);
    for (size_t i = 0; i < parse->n_splits; i++) {
        if (parse->splits[i]->range_case != CS__SPLIT__RANGE_FILE)
            return broken(err, "split", "its kind is known");
        CS_TRY(check_file_split(parse->splits[i]->file, err));
    }
    return CS_OK;
}

static cs_code check_hello(const Cs__Hello *hello, cs_error *err)
{
    CS_TRY(check_bytes(hello->name, 1, CS_NAME_BYTES_MAX, "hello.name", err));
    CS_TRY(check_version(hello->version, err));
    return hello->running == NULL ? CS_OK : check_key(hello->running, err);
}

static cs_code check_ack(const Cs__Ack *ack, cs_error *err)
{
    CS_TRY(check_key(ack->key, err));
    if (ack->n_outputs > CS_ACK_OUTPUTS_MAX)
        return cs_error_set(err, CS_E_PROTOCOL, "an ack of %zu outputs, the limit is %u",
                            ack->n_outputs, CS_ACK_OUTPUTS_MAX);
    for (size_t i = 0; i < ack->n_outputs; i++) {
        if (ack->outputs[i]->kind_case != CS__OUTPUT__KIND_PART)
            return broken(err, "output", "its kind is known");
        const Cs__Part *part = ack->outputs[i]->part;
        CS_TRY(check_path(part->path, "part.path", err));
        CS_TRY(check_bytes(part->stats_json, 0, CS_ACK_LIST_BYTES_MAX, "part.stats_json", err));
    }
    return CS_OK;
}

static cs_code check_nack(const Cs__Nack *nack, cs_error *err)
{
    CS_TRY(check_key(nack->key, err));
    if (nack->error == NULL)
        return broken(err, "nack.error", "it is there");
    return check_error(nack->error, err);
}

static cs_code check_submit(const Cs__Submit *submit, cs_error *err)
{
    CS_TRY(check_version(submit->version, err));
    if (submit->n_options == 0 || submit->n_options > CS_OPTIONS_MAX)
        return cs_error_set(err, CS_E_PROTOCOL, "a job of %zu options, not 1 to %u",
                            submit->n_options, CS_OPTIONS_MAX);
    for (size_t i = 0; i < submit->n_options; i++) {
        const Cs__Option *option = submit->options[i];
        CS_TRY(check_bytes(option->key, 1, CS_NAME_BYTES_MAX, "option.key", err));
        CS_TRY(check_bytes(option->value, 0, CS_SCHEMA_BYTES_MAX, "option.value", err));
        CS_TRY(check_bytes(option->origin, 0, CS_PATH_BYTES_MAX, "option.origin", err));
    }
    return CS_OK;
}

static cs_code check_event(const Cs__Event *event, cs_error *err)
{
    CS_TRY(check_bytes(event->job, 1, CS_NAME_BYTES_MAX, "event.job", err));
    switch (event->body_case) {
    case CS__EVENT__BODY_SUBMITTED:
        return check_bytes(event->submitted->stream, STREAM_BYTES, STREAM_BYTES, "submitted.stream",
                           err);
    case CS__EVENT__BODY_NOTICE:
        return check_bytes(event->notice->text, 1, CS_OPTION_BYTES_MAX, "notice.text", err);
    case CS__EVENT__BODY_END:
        return event->end->error == NULL ? CS_OK : check_error(event->end->error, err);
    case CS__EVENT__BODY_PROGRESS:
        return CS_OK;
    default:
        return broken(err, "event", "its kind is known");
    }
}
