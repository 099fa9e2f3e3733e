/* Schema enforcement: names match ignoring case, types must be equal. */
#include "common/delta/delta_feature.h"
#include "coordinator/commit/sink_delta.h"

static void hint_both(const cs_schema *table, const cs_schema *job, cs_error *err);

cs_code cs_delta_fit_table(const cs_delta_log *log, cs_error *err)
{
    const cs_delta_metadata *metadata = cs_delta_log_metadata(log);
    CS_TRY(cs_delta_check_append(cs_delta_log_protocol(log), metadata, cs_delta_log_schema(log), err));
    if (cs_delta_config(metadata, "delta.setTransactionRetentionDuration").ptr) {
        cs_error_set(err, CS_E_UNSUPPORTED, "cannot append: delta.setTransactionRetentionDuration is set, so the "
                                            "table would forget which batches it holds");
        cs_error_hint(err, "ALTER TABLE … UNSET TBLPROPERTIES ('delta.setTransactionRetentionDuration')");
        return CS_E_UNSUPPORTED;
    }
    if (metadata->n_partition_columns > 0) {
        cs_buf names = CS_BUF_INIT;
        for (size_t i = 0; i < metadata->n_partition_columns; i++) {
            if (i > 0)
                cs_buf_add_cstr(&names, ", ");
            cs_buf_add_str(&names, metadata->partition_columns[i]);
        }
        cs_error_set(err, CS_E_SCHEMA_MISMATCH, "table is partitioned by (%.*s), job says ()",
                     CS_STR_ARG(cs_buf_str(&names)));
        cs_buf_done(&names);
        return CS_E_SCHEMA_MISMATCH;
    }
    return CS_OK;
}

cs_code cs_delta_fit_columns(const cs_schema *table, const cs_schema *job, cs_arena *arena, cs_schema *out,
                             cs_error *err)
{
    cs_field *fields = cs_arena_array(arena, cs_field, job->n_fields);
    for (size_t i = 0; i < job->n_fields; i++) {
        const cs_field *field = &job->fields[i];
        ptrdiff_t at = cs_schema_find(table, field->name);
        if (at < 0) {
            cs_error_set(err, CS_E_SCHEMA_MISMATCH, "column %.*s: the table does not have it",
                         CS_STR_ARG(field->name));
            hint_both(table, job, err);
            return CS_E_SCHEMA_MISMATCH;
        }
        if (!cs_type_eq(table->fields[at].type, field->type)) {
            cs_buf types = CS_BUF_INIT;
            cs_buf_add_cstr(&types, "table has ");
            cs_type_print(table->fields[at].type, &types);
            cs_buf_add_cstr(&types, ", job has ");
            cs_type_print(field->type, &types);
            cs_error_set(err, CS_E_SCHEMA_MISMATCH, "column %.*s: %.*s", CS_STR_ARG(table->fields[at].name),
                         CS_STR_ARG(cs_buf_str(&types)));
            cs_buf_done(&types);
            hint_both(table, job, err);
            return CS_E_SCHEMA_MISMATCH;
        }
        fields[i] = (cs_field){ .name = table->fields[at].name, .type = field->type, .nullable = true };
    }
    *out = (cs_schema){ fields, job->n_fields };
    return CS_OK;
}

cs_codec cs_delta_fit_codec(const cs_delta_metadata *table, cs_compression compression)
{
    cs_codec codec = CS_CODEC_SNAPPY;
    switch (compression) {
    case CS_COMPRESSION_SNAPPY:
        return CS_CODEC_SNAPPY;
    case CS_COMPRESSION_ZSTD:
        return CS_CODEC_ZSTD;
    case CS_COMPRESSION_NONE:
        return CS_CODEC_NONE;
    case CS_COMPRESSION_AUTO:
        /* The property is a wish: a codec that we do not write (lz4, brotli) leaves the default. */
        if (table)
            (void)cs_codec_find(cs_delta_config(table, "delta.parquet.compression.codec"), &codec);
        break;
    }
    return codec;
}

static void hint_both(const cs_schema *table, const cs_schema *job, cs_error *err)
{
    cs_buf both = CS_BUF_INIT;
    cs_buf_add_cstr(&both, "table: ");
    cs_schema_print_ddl(table, &both);
    cs_buf_add_cstr(&both, "; job: ");
    cs_schema_print_ddl(job, &both);
    cs_error_hint(err, "%.*s", CS_STR_ARG(cs_buf_str(&both)));
    cs_buf_done(&both);
}
