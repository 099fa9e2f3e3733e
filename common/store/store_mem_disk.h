/* The inside of the simulator's disk: nodes, folders with a volatile and a durable list of names,
 * and the journal of name changes between the two. Shared by store_mem.c and store_mem_disk.c
 * only. */
#ifndef CS_COMMON_STORE_STORE_MEM_DISK_H
#define CS_COMMON_STORE_STORE_MEM_DISK_H

#include "common/store/store_mem.h"

typedef struct cs_mem_node cs_mem_node;

typedef struct cs_mem_names {
    struct cs_mem_name {
        cs_str name; /* in the disk's arena */
        cs_mem_node *node;
    } *items;
    size_t count, cap;
} cs_mem_names;

struct cs_mem_node {
    cs_mem_node *next; /* of all nodes: they live as long as the disk */
    cs_file_kind kind;
    cs_buf now, synced;          /* files */
    cs_mem_names names, durable; /* folders */
    int64_t mtime_ns, ctime_ns;
    uint64_t inode;
    int writers;
};

/* One change of one name that is not durable yet. Both halves of a rename bear one pair number. */
typedef struct cs_mem_change {
    cs_mem_node *folder;
    cs_str name;
    cs_mem_node *node; /* NULL: removed */
    uint64_t pair;
} cs_mem_change;

struct cs_mem_disk {
    cs_clock *clock;
    cs_arena arena;
    cs_mem_node *nodes, *root;
    cs_mem_change *journal;
    size_t n_journal, journal_cap;
    uint64_t last_inode, last_pair, generation;
    bool leases;
    cs_mem_step_fn step;
    void *step_ctx;
};

cs_mem_node *cs_mem_node_new(cs_mem_disk *disk, cs_file_kind kind);
cs_mem_node *cs_mem_child(const cs_mem_node *folder, cs_str name);
/* The node of a path below `from`, NULL when there is none or a piece is no folder. */
cs_mem_node *cs_mem_find(cs_mem_node *from, cs_str path);
/* Changes a name now; durable once the folder is synced. pair 0: alone. */
void cs_mem_change_name(cs_mem_disk *disk, cs_mem_node *folder, cs_str name, cs_mem_node *node,
                        uint64_t pair);
void cs_mem_sync_folder(cs_mem_disk *disk, cs_mem_node *folder);
void cs_mem_sync_file(cs_mem_node *node);
void cs_mem_touch(cs_mem_disk *disk, cs_mem_node *node);

#endif
