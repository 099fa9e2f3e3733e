/* Reads the bytes of a split: opened once beneath the source root, the content version checked on
 * opening and the open file again at the end (design §4 step 4). pread, never mmap. */
#ifndef CS_WORKER_READ_READER_H
#define CS_WORKER_READ_READER_H

#include "common/store/store.h"

typedef struct cs_split_range {
    cs_str path;                 /* relative to the source root */
    cs_content_version version;  /* the one planned */
    uint64_t begin, end;         /* bytes [begin, end) as planned */
    bool by_records;             /* cut at record starts: see cs_reader_open */
} cs_split_range;

typedef struct cs_reader cs_reader;

/* by_records: the split takes the records that *start* in [begin, end): position x starts a record
 * exactly when x = 0, or byte x-1 is LF, or byte x-1 is CR and byte x is not LF (spec:
 * performance.md §3.1). The reader moves begin forward to the first start and reads on past end to
 * the end of the last record. CS_E_SOURCE_CHANGED (what changed, old and new numbers),
 * CS_E_MISSING_FILE (retriable: another worker may see the file), CS_E_PERMISSION. */
CS_MUST_USE cs_code cs_reader_open(cs_store *source, const cs_split_range *split, cs_reader **out,
                                   cs_error *err);
uint64_t cs_reader_offset(const cs_reader *reader); /* of the first byte that next will give */
/* Borrowed until the next call, with CS_CHUNK_PADDING readable bytes behind it; *last with the
 * final chunk (which may be empty). */
CS_MUST_USE cs_code cs_reader_next(cs_reader *reader, cs_str *chunk, bool *last, cs_error *err);
/* The identity verdict after the last read: the same fd has the same size, mtime and ctime. */
CS_MUST_USE cs_code cs_reader_verify(cs_reader *reader, cs_error *err);
void cs_reader_close(cs_reader *reader);
/* 1-based line and column (bytes) of an offset, by reading the file from its start; for messages.
 * Lines end at LF, CRLF or CR. */
CS_MUST_USE cs_code cs_reader_line_of(cs_store *source, cs_str path, uint64_t offset,
                                      uint64_t *line, uint64_t *column, cs_error *err);

#endif
