#include "worker/parse/tokenize.h"

#include <assert.h>

#include "common/base/limits.h"

cs_code cs_tokenizer_open(const cs_csv_options *options, uint64_t offset, cs_tokenizer **out,
                          cs_error *err)
{
    assert(options->sep.len == 1);
    if (options->record_bytes_max > CS_RECORD_BYTES_MAX)
        return cs_error_set(err, CS_E_BAD_OPTION,
                            "csv.maxRecordBytes: must be at most %u (got \"%llu\")",
                            CS_RECORD_BYTES_MAX, (unsigned long long)options->record_bytes_max);
    switch (options->parser) {
    case CS_CSV_PARSER_AUTO:
        *out = cs_tokenizer_new_auto(options, offset);
        break;
    case CS_CSV_PARSER_LIBCSV:
        /* libcsv cannot do without a quote. */
        *out = options->quote == CS_CSV_NO_CHAR ? cs_tokenizer_new_exact(options, offset)
                                                : cs_tokenizer_new_libcsv(options, offset);
        break;
    case CS_CSV_PARSER_EXACT:
        *out = cs_tokenizer_new_exact(options, offset);
        break;
    }
    return CS_OK;
}

void cs_tokenizer_close(cs_tokenizer *tokenizer)
{
    if (tokenizer != NULL)
        tokenizer->ops->close(tokenizer);
}
