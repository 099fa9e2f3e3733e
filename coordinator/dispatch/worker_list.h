/* The workers that said hello, in order of arrival. Used by dispatch.c alone. */
#ifndef CS_COORDINATOR_DISPATCH_WORKER_LIST_H
#define CS_COORDINATOR_DISPATCH_WORKER_LIST_H

#include "coordinator/dispatch/dispatch.h"

typedef struct cs_worker_entry {
    cs_peer peer;
    char *name;
    uint64_t pid;
    int64_t heard_at, sent_at;
    int64_t contested_at; /* another worker claims its name since; INT64_MAX: none */
    bool busy;            /* has `key` in hand, or was given it */
    bool wanted;          /* and its answer is awaited, under a lease */
    cs_task_key key;
    cs_job_id job; /* when wanted, or was */
    int64_t given_at, lease_at;
    bool progressed; /* progress has been heard of for this key */
    uint64_t progress;
    bool has_settled;
    cs_task_key settled; /* the last answer that was confirmed */
} cs_worker_entry;

typedef struct cs_worker_list {
    cs_worker_entry *items;
    uint32_t count, cap;
    uint32_t last_given; /* workers take turns */
} cs_worker_list;

void cs_worker_list_done(cs_worker_list *list);
/* NULL: none. An entry stays where it is until the next add or remove. */
cs_worker_entry *cs_worker_list_find(cs_worker_list *list, const cs_peer *peer);
cs_worker_entry *cs_worker_list_find_name(cs_worker_list *list, cs_str name);
/* Is the answer to this entry's key awaited from another one? */
bool cs_worker_list_other_wants(const cs_worker_list *list, const cs_worker_entry *but);
cs_worker_entry *cs_worker_list_add(cs_worker_list *list, const cs_peer *peer, cs_str name,
                                    uint64_t pid, int64_t now_ms);
void cs_worker_list_remove(cs_worker_list *list, cs_worker_entry *entry);
/* A free one, not `last` (NULL: any) if there is another; NULL: all are busy. */
cs_worker_entry *cs_worker_list_choose(cs_worker_list *list, const cs_peer *last);

#endif
