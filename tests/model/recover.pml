/* Design §5, the start-up table, with the guards of step 6 that share its work, against what people do to a stream:
 * an older copy of the checkpoint put back, a copy run beside the first, the checkpoint lost, reset, found again; the
 * table put back from an older copy or made anew; --replan while a stopped process still commits; a stream taken over
 * from another engine that still runs.
 *
 * Files are bits. Two coordinators start again and again on checkpoint 0 or its copy 1; one that is not scheduled
 * is a stopped process. What commit.pml shows (transactions, links, syncs) is one step each here. Refusing is always
 * allowed; bringing a row twice is not, nor is a start that goes on, finds nothing to do, and leaves a row missing. */

#include "chosen.pml"

/* scenarios: how often each thing may happen is in init */
#define COPIED 1         /* checkpoint copied and run beside; an older copy put back */
#define RESTORED 2       /* the table, from an older copy of itself, and others write on */
#define REPLACED 3       /* likewise, or by another, and more batches follow */
#define LOST 4           /* the checkpoint, perhaps reset, perhaps found again */
#define RESET 5          /* and the table replaced */
#define REPLANNED 6      /* twice, beside another writer */
#define REPLANNED_COPY 7 /* and an older copy of the checkpoint put back */
#define TAKEN_OVER 8     /* from an engine that goes on */

/* mutants */
#define DIGEST_NOT_COMPARED 1                 /* in COPIED */
#define DIGEST_NOT_COMPARED_AT_START 2        /* in COPIED */
#define DIGEST_NOT_COMPARED_AT_COMMIT 3       /* in TAKEN_OVER */
#define OTHER_STREAM_NOT_CHECKED 4            /* in LOST */
#define OTHER_STREAM_NOT_CHECKED_AT_COMMIT 5  /* in LOST */
#define ACCEPTED_AT_ANY_BATCH 6               /* in LOST */
#define ACCEPTED_MAY_VANISH 7                 /* in RESET */
#define EMPTY_MEANS_NO_STREAM 8               /* in RESET */ /* row 2 only at a checkpoint's first start */
#define RESET_LISTS_AT_NEXT_START 9           /* in LOST */
#define BELOW_NOT_CHECKED_AFTER_LINK 10       /* in REPLACED */
#define BELOW_NOT_COMPARED_AT_START 11        /* in RESTORED */
#define BELOW_NOT_COMPARED_WHEN_EQUAL 12      /* in RESTORED */
#define OLDER_TABLE_NOT_REFUSED 13            /* in RESTORED */
#define SAME_BATCH_AGAIN_NOT_NOTICED 14       /* in RESTORED */
#define ADOPTED_KEEPS_NEWER_FILES 15          /* in REPLANNED */
#define TAKE_OVER_NOT_COMPARED 16             /* in TAKEN_OVER */

#define BATCHES 4
#define SLOTS 6
#define FREE 0
#define FOREIGN 9

/* the table: batch (from 1), stream, rows, digest (0: none); and what tells version files apart */
byte slot[SLOTS], stream[SLOTS], rows[SLOTS], hash[SLOTS], below[SLOTS], copy[SLOTS];
int digest[SLOTS];
byte table_id, tables, hashes, copies;
bool may_be_replaced;

typedef Checkpoint {
    byte epoch, stream;   /* 0: none yet */
    byte committed;       /* C, from 1 */
    byte plan, makes;     /* of C+1, 0: none; and its table id */
    byte dropped[2];
    byte table;           /* T, 0: not known */
    byte seen;            /* files */
    short accepted;       /* other streams' batches, three bits each */
    bool taken_over;      /* and nothing of ours is committed yet */
    bool late_list;       /* RESET_LISTS_AT_NEXT_START */
    int before;           /* D_C */
};
Checkpoint at[4];         /* the real one, its copy, a backup, an empty one */
byte streams;
byte folder[2];           /* which one a coordinator has open */
bool running[2], resetting;

byte landed = 1, waived;  /* files; those that people gave up by a reset */
/* what may still happen */
byte starts = 3, lands = 1, backups, copies_left, losses, resets, replaces, foreigns, replans;
byte engine_seen, engine_batch; /* of the engine that a stream is taken over from */

/* plan: 32, two bits that make it differ from any other, files */
#define FILES(plan) ((plan) & 7)
#define WITH(plan) (before | ((plan) << (2 + 6 * n)))
#define BATCH_OF(txns, s) (((txns) >> (3 * (s) - 3)) & 7)
#define ME folder[id]

inline copy_checkpoint(to, from)
{
    at[to].epoch = at[from].epoch; at[to].stream = at[from].stream; at[to].committed = at[from].committed;
    at[to].plan = at[from].plan; at[to].makes = at[from].makes; at[to].dropped[0] = at[from].dropped[0];
    at[to].dropped[1] = at[from].dropped[1]; at[to].table = at[from].table; at[to].seen = at[from].seen;
    at[to].accepted = at[from].accepted; at[to].taken_over = at[from].taken_over;
    at[to].late_list = at[from].late_list; at[to].before = at[from].before
}

/* --- what is true of the table --- */

/* v: versions without a gap; txns: newest batch of each stream; all: rows */
inline look()
{
    d_step {
        v = 0; txns = 0; all = 0; doubled = false;
        do
        :: v < SLOTS && slot[v] != FREE ->
            if
            :: slot[v] != FOREIGN ->
                txns = (txns & ~(7 << (3 * stream[v] - 3))) | (slot[v] << (3 * stream[v] - 3))
            :: else
            fi;
            doubled = doubled || (all & rows[v]) != 0;
            all = all | rows[v];
            v++
        :: else -> break
        od
    }
}

/* Whoever links brings no row twice. A table that is taken away meanwhile may be beyond help, but not beyond notice:
 * there, the next start is asked. */
inline judge()
{
    d_step {
        i = 0;
        do
        :: i < v -> assert((rows[i] & rows[v]) == 0 || may_be_replaced); i++
        :: else -> break
        od;
        i = 0
    }
}

/* x, d: newest batch and digest of stream s; below_ok: its carrier lies on what it was written upon */
inline look_at_stream()
{
    d_step {
        look();
        x = 0; d = 0; below_ok = true; again = false;
        i = 0;
        do
        :: i < v ->
            if
            :: slot[i] != FOREIGN && stream[i] == s ->
                again = again || slot[i] <= x;
                x = slot[i];
                below_ok = (i == 0 || below[i] == 0 || below[i] == hash[i - 1]);
                if
                :: digest[i] != 0 -> d = digest[i]
                :: else
                fi
            :: else
            fi;
            i++
        :: else -> break
        od;
        /* another stream stands in the table otherwise than it was accepted; missing: it does not stand there */
        strange = false; missing = false;
        i = 1;
        do
        :: i <= 3 ->
            if
            :: i != s && BATCH_OF(txns, i) != BATCH_OF(accepted, i) && BATCH_OF(txns, i) != 0 ->
                strange = strange || BATCH_OF(accepted, i) == 0 || MUTANT != ACCEPTED_AT_ANY_BATCH
            :: i != s && BATCH_OF(txns, i) != BATCH_OF(accepted, i) && BATCH_OF(txns, i) == 0 -> missing = true
            :: else
            fi;
            i++
        :: else -> break
        od;
        i = 0
    }
}

inline know_newest()
{
    newest = 0; newest_copy = 0;
    if
    :: v > 0 -> newest = hash[v - 1]; newest_copy = copy[v - 1]
    :: else
    fi
}
#define NEWEST_IS_THERE \
    (v == 0 || (slot[v - 1] != FREE && hash[v - 1] == newest && copy[v - 1] == newest_copy))

inline create(batch, whose, what, brings)
{
    hashes++;
    slot[v] = batch; stream[v] = whose; digest[v] = what; rows[v] = brings;
    hash[v] = hashes; copy[v] = copies
}

/* --- a coordinator --- */

#define WRITE if :: e != at[ME].epoch -> goto over :: else fi
#define AHEAD(plan) (x == n + 1 && (plan) != 0 && \
    (d == WITH(plan) || MUTANT == DIGEST_NOT_COMPARED || MUTANT == DIGEST_NOT_COMPARED_AT_START))

inline refuse_if(what) { if :: what -> goto over :: else fi }

inline mark()
{
    at[ME].committed = n + 1; at[ME].before = WITH(p); at[ME].table = makes;
    at[ME].plan = 0; at[ME].makes = 0; at[ME].dropped[0] = 0; at[ME].dropped[1] = 0; at[ME].taken_over = false;
    before = WITH(p); n++; p = 0; makes = 0
}

inline forget_all_but_v()
{
    x = 0; d = 0; txns = 0; all = 0; below_ok = false; strange = false; missing = false; again = false;
    doubled = false; i = 0
}
inline forget() { v = 0; forget_all_but_v() }

proctype Coordinator(bit id)
{
    byte e, s, n, p, makes; /* E, S, C, plan C+1, its table id */
    short accepted, txns;
    int before, d;          /* D_C; the digest in the table */
    byte v, newest, newest_copy, mine, x, all, i;
    bool below_ok, strange, missing, again, doubled, fresh;

    do
    :: atomic { starts > 0 ->
        starts--;
        if
        :: ME = 0
        :: at[1].epoch > 0 -> ME = 1
        fi;
        fresh = (at[ME].stream == 0);
        if
        :: fresh -> streams++; at[ME].stream = streams; at[ME].before = streams
        :: else
        fi;
        if
        :: at[ME].late_list -> at[ME].late_list = false; at[ME].seen = landed
        :: else
        fi;
        at[ME].epoch++; e = at[ME].epoch;
        running[id] = true
    }

recover: atomic {
        s = at[ME].stream; n = at[ME].committed; p = at[ME].plan; makes = at[ME].makes; before = at[ME].before;
        accepted = at[ME].accepted;
        look_at_stream();
        know_newest();
        i = v;
        do
        :: i < SLOTS && slot[i] == FREE -> i++
        :: else -> break
        od;
        refuse_if(i < SLOTS);
        i = 0;
        /* the table of §5, row by row; with 2 and 6 goes what this model has added to it */
        /* 1 */
        refuse_if(at[ME].table != 0 && v > 0 && at[ME].table != table_id);
        /* 2 */
        refuse_if(strange && MUTANT != OTHER_STREAM_NOT_CHECKED && (fresh || MUTANT != EMPTY_MEANS_NO_STREAM));
        refuse_if(missing && MUTANT != ACCEPTED_MAY_VANISH);
        refuse_if(again && MUTANT != SAME_BATCH_AGAIN_NOT_NOTICED);
        /* 4 */
        refuse_if(x < n && MUTANT != OLDER_TABLE_NOT_REFUSED);
        if
        /* 5 */
        :: at[ME].taken_over && d == 0 ->
            refuse_if(x != n && MUTANT != TAKE_OVER_NOT_COMPARED);
            n = x; at[ME].committed = x;
            d = before
        :: x == 0 -> d = before /* 3, and an absent digest */
        :: else
        fi;
        if
        /* 6 */
        :: x <= n || MUTANT == DIGEST_NOT_COMPARED ->
            refuse_if(d != before && MUTANT != DIGEST_NOT_COMPARED && MUTANT != DIGEST_NOT_COMPARED_AT_START &&
                MUTANT != OLDER_TABLE_NOT_REFUSED);
            refuse_if(!below_ok && MUTANT != BELOW_NOT_COMPARED_WHEN_EQUAL && MUTANT != BELOW_NOT_COMPARED_AT_START);
            if
            :: p != 0 && n == 0 && v > 0 && makes != table_id -> forget(); goto drop
            :: p != 0 && !(n == 0 && v > 0 && makes != table_id) && replans > 0 -> replans--; forget(); goto drop
            :: p == 0 && !at[ME].taken_over && (landed & ~at[ME].seen) == 0 ->
                assert(!doubled && (landed & ~waived & ~all) == 0); /* at rest: nothing missing, nothing twice */
                goto over
            :: p != 0 && !(n == 0 && v > 0 && makes != table_id) -> goto batch
            :: p == 0 && (at[ME].taken_over || (landed & ~at[ME].seen) != 0) -> goto batch
            fi
        :: else
        fi;
        refuse_if(!below_ok && MUTANT != BELOW_NOT_COMPARED_AT_START);
        if
        /* 7 */
        :: AHEAD(p) -> forget()
        :: !AHEAD(p) && AHEAD(at[ME].dropped[0]) -> i = 1
        :: !AHEAD(p) && !AHEAD(at[ME].dropped[0]) && AHEAD(at[ME].dropped[1]) -> i = 2
        /* 8 */
        :: else -> goto over
        fi
    }
    atomic {
        WRITE;
        if
        :: i > 0 -> /* a plan set aside is the one that was committed */
            if
            :: MUTANT != ADOPTED_KEEPS_NEWER_FILES -> at[ME].seen = at[ME].seen & ~FILES(at[ME].plan)
            :: else
            fi;
            p = at[ME].dropped[i - 1];
            at[ME].seen = at[ME].seen | FILES(p);
            makes = table_id;
            forget()
        :: else
        fi;
        mark();
        goto batch
    }
drop: atomic {
        WRITE;
        if
        :: at[ME].dropped[0] == 0 -> at[ME].dropped[0] = p
        :: else -> at[ME].dropped[1] = p
        fi;
        at[ME].plan = 0; at[ME].makes = 0;
        at[ME].seen = at[ME].seen & ~FILES(p);
        p = 0; makes = 0
    }
batch: atomic {
        if
        :: p == 0 ->
            WRITE;
            i = landed & ~at[ME].seen;
            if
            :: at[ME].taken_over -> i = 0 /* first a batch without rows */
            :: else -> refuse_if(i == 0 || n == BATCHES) /* nothing to do */
            fi;
            p = 32 | ((e & 1) << 4) | (id << 3) | i;
            makes = (slot[0] == FREE -> 128 | s : table_id); /* made from S: a late commit makes the same table */
            at[ME].plan = p; at[ME].makes = makes; at[ME].seen = at[ME].seen | i
        :: else
        fi;
        forget()
    }

commit: atomic { /* step 6 */
        v = 0;
        do
        :: v < SLOTS && slot[v] != FREE && newest != 0 && !(hash[v] == newest && copy[v] == newest_copy) -> v++
        :: else -> break
        od;
        refuse_if(newest != 0 && (v == SLOTS || slot[v] == FREE)); /* V.json is not the one that was read */
        look_at_stream();
        know_newest();
        if
        :: (v == 0 && n > 0) || (v > 0 && table_id != makes) ->
            if
            :: n == 0 && x == 0 -> forget(); goto recover
            :: else -> goto over
            fi
        :: else
        fi;
        if
        :: x > n ->
            refuse_if(MUTANT != DIGEST_NOT_COMPARED && MUTANT != DIGEST_NOT_COMPARED_AT_COMMIT &&
                !(x == n + 1 && d == WITH(p)));
            forget();
            goto done
        :: x < n -> goto over
        :: else
        fi;
        refuse_if(strange && MUTANT != OTHER_STREAM_NOT_CHECKED && MUTANT != OTHER_STREAM_NOT_CHECKED_AT_COMMIT);
        refuse_if(again && MUTANT != SAME_BATCH_AGAIN_NOT_NOTICED);
        forget_all_but_v()
    }
    atomic {
        refuse_if(v == SLOTS);
        if
        :: slot[v] != FREE -> goto commit
        :: else
        fi;
        create(n + 1, s, WITH(p), FILES(p));
        below[v] = newest;
        mine = hashes;
        if
        :: v == 0 -> table_id = makes
        :: else
        fi;
        judge()
    }
    atomic {
        refuse_if(hash[v] != mine); /* only what reads back is ours */
        refuse_if(!NEWEST_IS_THERE && MUTANT != BELOW_NOT_CHECKED_AFTER_LINK);
        newest = mine; newest_copy = copy[v]; mine = 0; v = 0
    }
done: atomic { WRITE; mark(); goto batch }
over: atomic {
        running[id] = false;
        e = 0; s = 0; n = 0; p = 0; makes = 0; accepted = 0; before = 0; newest = 0; newest_copy = 0; mine = 0;
        fresh = false;
        forget()
    }
    :: atomic { starts == 0 -> break }
    od
}

/* --- what befalls them --- */

#define IN_USE ((running[0] && folder[0] == 0) || (running[1] && folder[1] == 0))

inline put_in_place(from) /* whoever runs keeps what he has open */
{
    if
    :: IN_USE ->
        copy_checkpoint(1, 0);
        if
        :: running[0] -> folder[0] = 1
        :: else
        fi;
        if
        :: running[1] -> folder[1] = 1
        :: else
        fi
    :: else
    fi;
    copy_checkpoint(0, from)
}
#define SOMEBODY_CAN_START (starts > 0 && !(running[0] && running[1]))
#define CAN_BE_REPLACED (SOMEBODY_CAN_START && !resetting && (!IN_USE || at[1].epoch == 0))

proctype Fate()
{
    byte v, all, i;
    short txns;
    bool has_backup, doubled;
    do
    :: atomic { lands > 0 -> lands--; landed = landed * 2 + 1 }
    :: atomic { backups > 0 && at[0].epoch > 0 ->
        backups--;
        has_backup = true;
        d_step { copy_checkpoint(2, 0) }
    }
    :: atomic { has_backup && CAN_BE_REPLACED -> has_backup = false; d_step { put_in_place(2) } }
    :: atomic { copies_left > 0 && at[0].epoch > 0 && at[1].epoch == 0 ->
        copies_left--;
        d_step { copy_checkpoint(1, 0) }
    }
    :: atomic { losses > 0 && at[0].epoch > 0 && CAN_BE_REPLACED -> losses--; d_step { put_in_place(3) } }
    :: atomic { replaces > 0 && slot[0] != FREE -> /* an older copy of the table, or nothing */
        replaces--; copies++;
        i = 0;
        do
        :: i < SLOTS && slot[i] != FREE -> copy[i] = copies; i++
        :: break
        od;
        d_step {
            do
            :: i < SLOTS ->
                slot[i] = FREE; stream[i] = 0; rows[i] = 0; digest[i] = 0;
                hash[i] = 0; below[i] = 0; copy[i] = 0;
                i++
            :: else -> break
            od;
            i = 0
        }
    }
    :: atomic { foreigns > 0 ->
        foreigns--;
        look();
        if
        :: v == 0 -> tables++; table_id = tables
        :: else
        fi;
        if
        :: v < SLOTS -> create(FOREIGN, 0, 0, 0)
        :: else
        fi;
        v = 0; txns = 0; all = 0; doubled = false
    }
    :: atomic { engine_batch > 0 && (landed & ~engine_seen) != 0 -> /* Delta's rule: skip what is there */
        look();
        i = BATCH_OF(txns, 1);
        if
        :: engine_batch > i && v < SLOTS -> create(engine_batch, 1, 0, landed & ~engine_seen)
        :: else
        fi;
        engine_batch++;
        engine_seen = landed;
        v = 0; txns = 0; all = 0; doubled = false; i = 0
    }
    :: break
    od
}

proctype Reset()
{
    byte e, listed, v, all;
    short txns;
    bool doubled;
end: atomic { at[0].epoch > 0 && SOMEBODY_CAN_START ->
        resetting = true;
        at[0].epoch++; e = at[0].epoch;
        look();
        v = 0; doubled = false
    }
    atomic { listed = landed }
    atomic {
        if
        :: e == at[0].epoch ->
            at[0].accepted = txns;
            streams++;
            at[0].stream = streams; at[0].before = streams; at[0].committed = 0;
            at[0].plan = 0; at[0].makes = 0; at[0].dropped[0] = 0; at[0].dropped[1] = 0; at[0].table = 0; at[0].taken_over = false;
            at[0].late_list = (MUTANT == RESET_LISTS_AT_NEXT_START);
            at[0].seen = listed;
            waived = waived | (listed & ~all)
        :: else
        fi;
        resetting = false; e = 0; listed = 0; v = 0; txns = 0; all = 0; doubled = false
    }
}

init {
    byte v;
    atomic {
        CHOOSE;
        if
        :: SCENARIO == COPIED -> backups = 1; copies_left = 1
        :: SCENARIO == RESTORED -> replaces = 1; foreigns = 1; tables = 1; table_id = 1; create(FOREIGN, 0, 0, 0)
        :: SCENARIO == REPLACED -> replaces = 1; foreigns = 1; lands = 2; starts = 2
        :: SCENARIO == LOST -> losses = 1; resets = 1
        :: SCENARIO == RESET -> replaces = 1; resets = 1
        :: SCENARIO == REPLANNED -> replans = 2; foreigns = 1; starts = 4
        :: SCENARIO == REPLANNED_COPY -> replans = 1; backups = 1
        :: SCENARIO == TAKEN_OVER -> /* batch 1 is the other engine's; its checkpoint was imported */
            lands = 2;
            tables = 1; table_id = 1; create(1, 1, 0, 1);
            engine_batch = 2; engine_seen = 1;
            streams = 1;
            at[0].epoch = 1; at[0].stream = 1; at[0].before = 1; at[0].table = 1;
            at[0].committed = 1; at[0].seen = 1; at[0].taken_over = true
        fi;
        may_be_replaced = (replaces > 0);
        run Coordinator(0); run Coordinator(1); run Fate();
        if
        :: resets > 0 -> run Reset()
        :: else
        fi
    }
}
