/* A hostile Parquet file: footer and pages are read to the end or refused; memory and time stay bounded. */
#include "common/parquet/parquet_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static cs_code read_at(void *ctx, uint64_t offset, void *bytes, size_t len, cs_error *err)
{
    const cs_str *file = ctx;
    if (offset > file->len || len > file->len - offset)
        return cs_error_set(err, CS_E_IO, "read past the end");
    memcpy(bytes, file->ptr + offset, len);
    return CS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cs_str file = { (const char *)data, size };
    cs_parquet_input input = { &file, read_at, size, CS_STR("fuzz.parquet") };
    cs_parquet_reader *reader = NULL;
    cs_rows rows;
    cs_error err;
    if (cs_parquet_reader_new(input, NULL, &reader, &err) != CS_OK)
        return 0;
    if (cs_rows_init(&rows, cs_parquet_reader_schema(reader), &err) == CS_OK) {
        for (int i = 0; i < 64 && cs_parquet_reader_next(reader, 256, &rows, &err) == CS_OK && rows.length > 0; i++)
            ;
        cs_rows_done(&rows);
    }
    cs_parquet_reader_free(reader);
    return 0;
}
