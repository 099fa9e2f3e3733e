/* Pages of a column that is being written: from the values at hand to compressed bytes that wait. */
#ifndef CS_COMMON_PARQUET_PARQUET_PAGE_H
#define CS_COMMON_PARQUET_PARQUET_PAGE_H

#include "common/parquet/parquet_column.h"

/* Forgets the page at hand. */
void cs_parquet_page_begin(cs_parquet_column *column);
/* Encodes and compresses the page at hand and begins the next. */
CS_MUST_USE cs_code cs_parquet_page_end(cs_parquet_column *column, cs_parquet_shared *shared,
                                        cs_error *err);
CS_MUST_USE cs_code cs_parquet_put_dictionary(cs_parquet_column *column, cs_parquet_shared *shared,
                                              cs_error *err);
CS_MUST_USE cs_code cs_parquet_put_pages(cs_parquet_column *column, cs_parquet_shared *shared,
                                         cs_error *err);
void cs_parquet_pages_free(cs_parquet_column *column);

#endif
