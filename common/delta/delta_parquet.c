#include "common/delta/delta_parquet.h"

static cs_code read_all(void *ctx, uint64_t offset, void *bytes, size_t len, cs_error *err)
{
    const cs_delta_parquet *parquet = ctx;
    size_t got = 0;
    CS_TRY(cs_file_read_at(parquet->file, offset, bytes, len, &got, err));
    if (got < len)
        return cs_error_set(err, CS_E_DAMAGED_PARQUET, "%.*s ends at byte %llu, while %zu bytes at %llu were wanted",
                            CS_STR_ARG(parquet->input.name), (unsigned long long)(offset + got), len,
                            (unsigned long long)offset);
    return CS_OK;
}

cs_code cs_delta_parquet_open(cs_store *table, cs_str name, cs_delta_parquet *out, cs_error *err)
{
    cs_file *file;
    CS_TRY(cs_store_open(table, name, &file, err));
    cs_stat stat;
    cs_code code = cs_file_stat(file, &stat, err);
    if (code != CS_OK) {
        cs_file_close(file);
        return code;
    }
    out->file = file;
    out->input = (cs_parquet_input){ out, read_all, stat.size_bytes, name };
    return CS_OK;
}

void cs_delta_parquet_close(cs_delta_parquet *parquet)
{
    cs_file_close(parquet->file);
    parquet->file = NULL;
}
