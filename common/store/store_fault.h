/* A store that wraps another and fails on purpose: the n-th operation of one kind ends with a given
 * errno. For tests that fail every n-th step in turn and look at what is left. */
#ifndef CS_COMMON_STORE_STORE_FAULT_H
#define CS_COMMON_STORE_STORE_FAULT_H

#include "common/store/store.h"

typedef enum cs_store_op {
    CS_STORE_OP_ANY, /* as a rule: all kinds, counted together */
    CS_STORE_OP_OPEN,
    CS_STORE_OP_READ,
    CS_STORE_OP_STAT, /* of names and of open files */
    CS_STORE_OP_LIST,
    CS_STORE_OP_CREATE,
    CS_STORE_OP_WRITE,
    CS_STORE_OP_SEAL,
    CS_STORE_OP_PUT_NEW,
    CS_STORE_OP_RENAME,
    CS_STORE_OP_REMOVE,
    CS_STORE_OP_MAKE_FOLDER,
    CS_STORE_OP_SYNC_FOLDER,
    CS_STORE_OP_COUNT
} cs_store_op;

typedef struct cs_store_fault_rule {
    cs_store_op op;
    uint64_t nth;       /* from 1; 0: never */
    bool lasting;       /* that one and all after it: a full or dead disk */
    bool after;         /* it is done, and then reported as failed (not open, create) */
    int sys_errno;      /* EIO, ENOSPC, EMFILE … */
} cs_store_fault_rule;

/* Takes over `inner` (closed with it). */
cs_store *cs_store_fault_new(cs_store *inner);
/* Replaces the rule and counts anew. */
void cs_store_fault_set(cs_store *fault, cs_store_fault_rule rule);
/* How many operations of that kind (ANY: of all) passed since the rule was set. */
uint64_t cs_store_fault_passed(const cs_store *fault, cs_store_op op);

#endif
