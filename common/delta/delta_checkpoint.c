/* The files of a checkpoint are read one after the other: the parts, or the top level and then the sidecars
 * that it names. */
#include "common/delta/delta_checkpoint.h"

#include <stdlib.h>

#include "common/data/schema.h"
#include "common/delta/delta_lines.h"
#include "common/delta/delta_parquet.h"
#include "common/delta/delta_path.h"
#include "common/delta/delta_row.h"

#define ROWS_AT_ONCE 1024
#define SIDECAR_FOLDER CS_DELTA_LOG_FOLDER "/_sidecars/"
#define FILE_MASK (CS_DELTA_MASK(CS_DELTA_ADD) | CS_DELTA_MASK(CS_DELTA_REMOVE))

struct cs_delta_checkpoint_reader {
    cs_store *table;
    cs_delta_checkpoint checkpoint;
    unsigned mask;
    uint32_t parts_opened;
    cs_delta_lines *lines; /* of a top level in JSON */
    /* The Parquet file in hand. */
    char name[CS_DELTA_NAME_MAX];
    cs_delta_parquet parquet;
    cs_parquet_reader *reader;
    cs_delta_row_schema columns;
    cs_rows rows;
    size_t at_row;
    cs_arena row_arena;
    cs_delta_action action;
    /* Sidecars met in the top level. */
    cs_arena arena;
    cs_buf sidecars; /* cs_str */
    size_t next_sidecar;
};

static cs_code open_next(cs_delta_checkpoint_reader *reader, bool *end, cs_error *err);
static cs_code open_parquet(cs_delta_checkpoint_reader *reader, cs_str name, unsigned mask, cs_error *err);
static void close_parquet(cs_delta_checkpoint_reader *reader);
static cs_code next_of_rows(cs_delta_checkpoint_reader *reader, const cs_delta_action **action, cs_error *err);
static cs_code remember_sidecar(cs_delta_checkpoint_reader *reader, const cs_delta_sidecar *sidecar, cs_error *err);
static cs_code damaged(const cs_delta_checkpoint_reader *reader, cs_code code, const cs_error *why, cs_error *err);

cs_code cs_delta_checkpoint_open(cs_store *table, const cs_delta_checkpoint *checkpoint, unsigned mask,
                                 cs_delta_checkpoint_reader **out, cs_error *err)
{
    cs_delta_checkpoint_reader *reader = cs_xcalloc(1, sizeof *reader);
    reader->table = table;
    reader->checkpoint = *checkpoint;
    reader->mask = mask;
    if ((mask & FILE_MASK) && checkpoint->parts == 0)
        reader->mask |= CS_DELTA_MASK(CS_DELTA_SIDECAR);
    bool end = false;
    cs_code code = open_next(reader, &end, err);
    if (code != CS_OK) {
        cs_delta_checkpoint_close(reader);
        return code;
    }
    *out = reader;
    return CS_OK;
}

cs_code cs_delta_checkpoint_next(cs_delta_checkpoint_reader *reader, const cs_delta_action **action, cs_error *err)
{
    for (;;) {
        const cs_delta_action *found = NULL;
        if (reader->lines)
            CS_TRY(cs_delta_lines_next(reader->lines, &found, err));
        else
            CS_TRY(next_of_rows(reader, &found, err));
        if (found && found->kind == CS_DELTA_SIDECAR) {
            CS_TRY(remember_sidecar(reader, &found->sidecar, err));
            continue;
        }
        bool end = false;
        if (!found)
            CS_TRY(open_next(reader, &end, err));
        if (found || end) {
            *action = found;
            return CS_OK;
        }
    }
}

void cs_delta_checkpoint_close(cs_delta_checkpoint_reader *reader)
{
    if (!reader)
        return;
    cs_delta_lines_close(reader->lines);
    close_parquet(reader);
    cs_arena_done(&reader->row_arena);
    cs_arena_done(&reader->arena);
    cs_buf_done(&reader->sidecars);
    free(reader);
}

static cs_code open_next(cs_delta_checkpoint_reader *reader, bool *end, cs_error *err)
{
    cs_delta_lines_close(reader->lines);
    reader->lines = NULL;
    close_parquet(reader);
    uint32_t parts = reader->checkpoint.parts == 0 ? 1 : reader->checkpoint.parts;
    if (reader->parts_opened < parts) {
        reader->parts_opened++;
        if (reader->checkpoint.parts > 0)
            cs_delta_part_name(&reader->checkpoint, reader->parts_opened, reader->name);
        else
            memcpy(reader->name, reader->checkpoint.name, sizeof reader->name);
        if (reader->checkpoint.json) {
            cs_error why = { 0 };
            cs_code code =
                cs_delta_lines_open(reader->table, cs_str_of(reader->name), reader->mask, &reader->lines, &why);
            return code == CS_OK ? CS_OK : damaged(reader, code, &why, err);
        }
        return open_parquet(reader, cs_str_of(reader->name), reader->mask, err);
    }
    if (reader->next_sidecar < reader->sidecars.len / sizeof(cs_str)) {
        const cs_str *names = (const cs_str *)(const void *)reader->sidecars.ptr;
        return open_parquet(reader, names[reader->next_sidecar++], reader->mask & FILE_MASK, err);
    }
    *end = true;
    return CS_OK;
}

static cs_code open_parquet(cs_delta_checkpoint_reader *reader, cs_str name, unsigned mask, cs_error *err)
{
    cs_error why = { 0 };
    cs_code code = cs_delta_parquet_open(reader->table, name, &reader->parquet, &why);
    if (code == CS_OK)
        code = cs_delta_row_schema_init(&reader->columns, mask, &why);
    if (code == CS_OK)
        code = cs_parquet_reader_new(reader->parquet.input, &reader->columns.schema, &reader->reader, &why);
    if (code == CS_OK)
        code = cs_rows_init(&reader->rows, &reader->columns.schema, &why);
    reader->at_row = 0;
    return code == CS_OK ? CS_OK : damaged(reader, code, &why, err);
}

static void close_parquet(cs_delta_checkpoint_reader *reader)
{
    cs_parquet_reader_free(reader->reader);
    reader->reader = NULL;
    cs_rows_done(&reader->rows);
    reader->rows = (cs_rows){ 0 };
    cs_delta_row_schema_done(&reader->columns);
    cs_delta_parquet_close(&reader->parquet);
}

static cs_code next_of_rows(cs_delta_checkpoint_reader *reader, const cs_delta_action **action, cs_error *err)
{
    cs_error why = { 0 };
    cs_arena_reset(&reader->row_arena);
    for (;;) {
        while (reader->at_row < reader->rows.length) {
            cs_code code = cs_delta_row_read(&reader->columns, &reader->rows, reader->at_row++, &reader->row_arena,
                                             &reader->action, &why);
            if (code != CS_OK)
                return damaged(reader, code, &why, err);
            if (reader->action.kind != CS_DELTA_OTHER) {
                *action = &reader->action;
                return CS_OK;
            }
        }
        reader->at_row = 0;
        cs_code code = cs_parquet_reader_next(reader->reader, ROWS_AT_ONCE, &reader->rows, &why);
        if (code != CS_OK)
            return damaged(reader, code, &why, err);
        if (reader->rows.length == 0)
            return CS_OK;
    }
}

static cs_code remember_sidecar(cs_delta_checkpoint_reader *reader, const cs_delta_sidecar *sidecar, cs_error *err)
{
    cs_str name;
    CS_TRY(cs_delta_path_decode(sidecar->path, &reader->row_arena, &name, err));
    cs_str full = cs_str_of(cs_arena_printf(&reader->arena, SIDECAR_FOLDER "%.*s", CS_STR_ARG(name)));
    cs_buf_add(&reader->sidecars, &full, sizeof full);
    return cs_buf_check(&reader->sidecars, err);
}

/* What is wrong with a checkpoint is damage of the log; what is wrong with the machine stays what it is. */
static cs_code damaged(const cs_delta_checkpoint_reader *reader, cs_code code, const cs_error *why, cs_error *err)
{
    switch (code) {
    case CS_E_DAMAGED_PARQUET:
    case CS_E_SCHEMA_MISMATCH:
    case CS_E_UNSUPPORTED:
    case CS_E_NOT_FOUND:
    case CS_E_LIMIT:
    case CS_E_DAMAGED_LOG:
        return cs_error_set(err, CS_E_DAMAGED_LOG, "damaged log: %s: %s",
                            reader->checkpoint.name + sizeof CS_DELTA_LOG_FOLDER, why->message);
    default:
        if (err)
            *err = *why;
        return code;
    }
}
