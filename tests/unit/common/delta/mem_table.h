/* A table on the simulator's disk, for tests that write its log by hand. */
#ifndef CS_TESTS_UNIT_COMMON_DELTA_MEM_TABLE_H
#define CS_TESTS_UNIT_COMMON_DELTA_MEM_TABLE_H

#include <stdio.h>
#include <stdlib.h>

#include "common/store/store_mem.h"

#define MEM_SCHEMA "{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[{\\\"name\\\":\\\"id\\\",\\\"type\\\":\\\"long\\\"," \
                   "\\\"nullable\\\":true,\\\"metadata\\\":{}}]}"
#define MEM_PROTOCOL "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
#define MEM_METADATA "{\"metaData\":{\"id\":\"e2f1a3d4-6a0b-4c55-9d62-0f3b2a7c8e90\",\"format\":{\"provider\":"       \
                     "\"parquet\",\"options\":{}},\"schemaString\":\"" MEM_SCHEMA "\",\"partitionColumns\":[],"      \
                     "\"configuration\":{},\"createdTime\":1}}\n"

typedef struct mem_table {
    cs_clock clock; /* first: the clock functions find the rest by it */
    int64_t now_us, now_ms;
    cs_mem_disk *disk;
    cs_store *store;
} mem_table;

static inline int64_t mem_mono_ms(cs_clock *clock)
{
    return ((mem_table *)clock)->now_ms;
}

static inline int64_t mem_wall_us(cs_clock *clock)
{
    return ((mem_table *)clock)->now_us;
}

/* In place: the disk keeps the clock. */
static inline void mem_table_open(mem_table *table)
{
    *table = (mem_table){ .clock = { mem_mono_ms, mem_wall_us }, .now_us = 1750000000000000, .now_ms = 1000 };
    table->disk = cs_mem_disk_new(&table->clock);
    cs_error err = { 0 };
    if (cs_store_mem_open(table->disk, CS_STR("t"), true, &table->store, &err) != CS_OK ||
        cs_store_make_folder(table->store, CS_STR(""), &err) != CS_OK) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
}

static inline void mem_table_close(mem_table *table)
{
    cs_store_close(table->store);
    cs_mem_disk_free(table->disk);
}

static inline void mem_name(int64_t version, char out[64])
{
    snprintf(out, 64, "t/_delta_log/%020lld.json", (long long)version);
}

/* As another writer would. */
static inline void mem_put(mem_table *table, int64_t version, const char *lines)
{
    char name[64];
    mem_name(version, name);
    table->now_us += 1000;
    cs_mem_disk_put(table->disk, cs_str_of(name), cs_str_of(lines), table->now_us * 1000);
}

/* Content of a commit; empty when it is not there. */
static inline cs_buf mem_get(mem_table *table, int64_t version)
{
    char name[64];
    mem_name(version, name);
    cs_buf text = CS_BUF_INIT;
    cs_stat stat;
    if (cs_store_read(table->store, cs_str_of(name + 2), 1u << 26, &text, &stat, NULL) != CS_OK)
        cs_buf_clear(&text);
    cs_buf_add_char(&text, '\0');
    return text;
}

#endif
