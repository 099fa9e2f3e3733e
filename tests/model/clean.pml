/* What may be removed, and when: parts and temporaries of attempts (spec reliability.md §2, "Clean-up touches only
 * our own S") and files of rejected records ("Rejects"), while a stopped process still holds a commit, a plan is set
 * aside by --replan, another stream writes beside, and the power fails.
 *
 * Each attempt makes one part and one temporary of rejects, both synced before the ack. Parts are numbered, the
 * numbers name the temporaries too. Two coordinators, as in commit.pml. */

#include "chosen.pml"

/* scenario: one power loss, one --replan, beside all interleavings */
#define POWER_LOST 1

/* mutants */
#define CLEAN_UP_TO_THE_BATCH_IN_HAND 1    /* in POWER_LOST */
#define CLEAN_BY_OWN_MEMORY 2              /* in POWER_LOST */
#define CLEAN_OTHER_STREAMS 3              /* in POWER_LOST */
#define CLEAN_BY_LIVE_FILES 4              /* in POWER_LOST */
#define TEMPORARY_GONE_TAKEN_FOR_LINKED 5  /* in POWER_LOST */
#define REJECTS_AFTER_COMMITTED 6          /* in POWER_LOST */
#define REJECTS_NOT_SYNCED 7               /* in POWER_LOST */
#define REJECTS_NOT_FINISHED_BY_RECOVERY 8 /* in POWER_LOST */
#define REJECTS_CLEANED_WHATEVER_BATCH 9   /* in POWER_LOST */

#define BATCHES 2
#define PARTS 6
#define SLOTS 5
#define FREE 0
#define OTHER 9 /* another stream of ours in the same table */

/* parts: there, batch and plan they belong to; rejects: their temporary, then their final name, by batch and plan */
bool part[PARTS], temporary[PARTS], compacted[PARTS]; /* compacted: no longer in the newest version */
byte batch_of[PARTS], plan_of[PARTS];
byte parts;
byte final[6];          /* by batch * 2 + plan: the part that they came with, from 1 */
bool final_synced[6];
bool other_part;

/* the log: batch, plan and part of each version */
byte slot[SLOTS], plan_in[SLOTS], named[SLOTS];
bool synced[SLOTS];

/* the checkpoint: two plans for a batch stand for --replan */
byte epoch, committed;
byte planned[BATCHES + 1], dropped[BATCHES + 1]; /* plan + 1; 0: none */
byte replans = 1;

bool tmp_commit[2]; /* the commit of a coordinator, written and not linked */
bool gone[2], killed[2];
hidden byte newest;

inline look()
{
    d_step {
        v = 0; x = 0;
        do
        :: v < SLOTS && slot[v] != FREE ->
            if
            :: slot[v] != OTHER -> x = slot[v]; q = plan_in[v]; k = named[v]
            :: else
            fi;
            v++
        :: else -> break
        od
    }
}

inline sync_log()
{
    d_step {
        i = 0;
        do
        :: i < SLOTS -> synced[i] = (slot[i] != FREE); i++
        :: else -> break
        od;
        i = 0
    }
}

/* Every version's part is there; what is COMMITTED is in the table and has its rejects under their name. */
inline judge()
{
    d_step {
        i = 0; newest = 0;
        do
        :: i < SLOTS && slot[i] != FREE ->
            assert((slot[i] == OTHER && other_part) || (slot[i] != OTHER && part[named[i]]));
            if
            :: slot[i] != OTHER -> newest = slot[i]
            :: else
            fi;
            if
            :: slot[i] <= committed -> assert(final[slot[i] * 2 + plan_in[i]] != 0)
            :: else
            fi;
            i++
        :: else -> break
        od;
        assert(newest >= committed);
        i = 0
    }
}

#define NEXT (n + 1)
#define WRITE if :: me != epoch -> goto over :: else fi

inline finish_rejects() /* of the version that carries batch NEXT: its plan q, its part k */
{
    d_step {
        if
        :: final[NEXT * 2 + q] == 0 ->
            assert(temporary[k]);
            temporary[k] = false; final[NEXT * 2 + q] = k + 1; final_synced[NEXT * 2 + q] = false
        :: else /* done before */
        fi
    }
}

proctype Coordinator(bit id)
{
    byte me, n, plan, mine; /* E, C, plan of C+1, own part */
    byte v, x, q, k;        /* of the table: V+1, X, its plan and part */
    byte i;

    do
    :: !gone[id] ->
    {
        atomic { id == 0 || epoch > 0 -> epoch++; me = epoch; n = committed }
        atomic {
            look();
            if
            :: x == NEXT && (planned[x] == q + 1 || dropped[x] == q + 1) -> plan = q
            :: x == n && n < BATCHES -> goto batch
            :: else -> goto over
            fi
        }
        /* recovery: committed already */
        sync_log();
        if
        :: MUTANT == REJECTS_NOT_FINISHED_BY_RECOVERY -> goto mark
        :: else -> goto rejects
        fi;

batch:  atomic { /* a plan, durable, and an attempt at it */
            WRITE;
            v = 0; x = 0; q = 0; k = 0;
            if
            :: planned[NEXT] == 0 -> planned[NEXT] = (dropped[NEXT] == 0 -> 1 : 2)
            :: planned[NEXT] == 1 && replans > 0 -> replans--; dropped[NEXT] = 1; planned[NEXT] = 2
            :: planned[NEXT] != 0
            fi;
            plan = planned[NEXT] - 1;
            if
            :: parts < PARTS -> skip
            :: else -> goto over
            fi;
            mine = parts; parts++;
            part[mine] = true; temporary[mine] = true; batch_of[mine] = NEXT; plan_of[mine] = plan
        }
again:  atomic {
            look();
            if
            :: x == NEXT && q == plan -> goto found
            :: x > n && !(x == NEXT && q == plan) -> goto over
            :: else -> tmp_commit[id] = true
            fi
        }
        atomic {
            if
            :: !tmp_commit[id] && MUTANT == TEMPORARY_GONE_TAKEN_FOR_LINKED -> k = mine; q = plan; goto found
            :: !tmp_commit[id] && MUTANT != TEMPORARY_GONE_TAKEN_FOR_LINKED -> goto again
            :: tmp_commit[id] && (v == SLOTS || slot[v] != FREE) -> tmp_commit[id] = false; goto again
            :: else
            fi;
            tmp_commit[id] = false;
            slot[v] = NEXT; plan_in[v] = plan; named[v] = mine; synced[v] = false;
            q = plan; k = mine;
            judge()
        }
found:  sync_log();
        /* step 7 */
        if
        :: MUTANT == REJECTS_AFTER_COMMITTED -> atomic { WRITE; committed = NEXT; judge() }
        :: else
        fi;
rejects: finish_rejects();
        atomic {
            if
            :: MUTANT != REJECTS_NOT_SYNCED -> final_synced[NEXT * 2 + q] = true
            :: else
            fi
        }
mark:   atomic { WRITE; committed = NEXT; judge() }
clean:  atomic { /* reads the log, then lists: what is there of batches up to COMMITTED and not named goes */
            i = 0;
            d_step {
                do
                :: i < PARTS ->
                    v = 0; x = 0;
                    do
                    :: v < SLOTS && slot[v] != FREE ->
                        x = x || (slot[v] != OTHER && named[v] == i &&
                            !(compacted[i] && MUTANT == CLEAN_BY_LIVE_FILES));
                        v++
                    :: else -> break
                    od;
                    if
                    :: MUTANT == CLEAN_BY_OWN_MEMORY -> x = (i == mine || batch_of[i] < NEXT)
                    :: else
                    fi;
                    if
                    :: !x && batch_of[i] <= NEXT + (MUTANT == CLEAN_UP_TO_THE_BATCH_IN_HAND) -> part[i] = false
                    :: else
                    fi;
                    if
                    :: batch_of[i] <= NEXT || MUTANT == REJECTS_CLEANED_WHATEVER_BATCH -> temporary[i] = false
                    :: else
                    fi;
                    i++
                :: else -> break
                od;
                i = 0;
                if
                :: MUTANT == CLEAN_OTHER_STREAMS -> other_part = false
                :: else
                fi;
                tmp_commit[1 - id] = false
            };
            judge();
            n++; plan = 0; mine = 0; v = 0; x = 0; q = 0; k = 0;
            if
            :: n < BATCHES -> goto batch
            :: else
            fi
        }
over:   gone[id] = true
    } unless { atomic { killed[id] -> killed[id] = false } };
        atomic { me = 0; n = 0; plan = 0; mine = 0; v = 0; x = 0; q = 0; k = 0; i = 0; tmp_commit[id] = false }
    :: else -> break
    od
}

proctype Other()
{
    byte v, x, q, k, i;
    other_part = true;
    atomic {
        look();
        if
        :: v < SLOTS ->
            slot[v] = OTHER; synced[v] = true;
            if
            :: x != 0 -> compacted[k] = true /* OPTIMIZE: older versions still need it */
            :: skip
            fi;
            judge()
        :: else
        fi;
        v = 0; x = 0; q = 0; k = 0
    }
}

proctype Fate()
{
    byte losses = 1;
    byte i;
    do
    :: atomic { losses > 0 ->
        losses--;
        killed[0] = !gone[0]; killed[1] = !gone[1];
        i = SLOTS;
        do /* any of the last unsynced versions; commit.pml has holes */
        :: i > 0 && !synced[i - 1] -> i--; slot[i] = FREE; plan_in[i] = 0; named[i] = 0
        :: break
        od;
        i = 0;
        do
        :: i < SLOTS -> synced[i] = (slot[i] != FREE); i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < 6 && final[i] != 0 && !final_synced[i] -> temporary[final[i] - 1] = true; final[i] = 0; i++
        :: i < 6 -> final_synced[i] = (final[i] != 0); i++
        :: else -> break
        od;
        judge()
    }
    :: break
    od
}

init {
    atomic { CHOOSE; run Coordinator(0); run Coordinator(1); run Other(); run Fate() }
}
