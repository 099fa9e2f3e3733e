/* Design §4: from the plan to COMMITTED, by two coordinators of one checkpoint (no lock holds them apart: the older
 * one is a zombie as soon as the newer one has drawn its epoch), beside a foreign writer, with kills at any
 * step and power losses that take any folder entries that were not synced.
 *
 * A batch is a set of files, a bit each; a commit shows the rows that its ack brought, under the plan's digest.
 * The checkpoint's transactions are atomic and durable. Source files of a batch that is durably COMMITTED count as
 * deleted at once, so such a batch must stay in the table whatever comes. */

#include "chosen.pml"

/* scenarios: what happens once, beside all interleavings */
#define POWER_LOST 1
#define KILLED 2

/* mutants, each to be run in a scenario */
#define NEXT_NUMBER_AFTER_EEXIST 1        /* in POWER_LOST */
#define RENAME_INSTEAD_OF_LINK 2          /* in POWER_LOST */
#define NO_SYNC_AFTER_LINK 3              /* in POWER_LOST */
#define NO_SYNC_WHEN_FOUND 4              /* in POWER_LOST */
#define NO_SYNC_WHEN_ADOPTED 5            /* in POWER_LOST */
#define COMMITTED_BEFORE_LINK 6           /* in KILLED */
#define COMMIT_BEFORE_PLAN_IS_DURABLE 7   /* in KILLED */
#define PLAN_REWRITTEN_ON_REPLAY 8        /* in KILLED */
#define EPOCH_NOT_CHECKED 9               /* in KILLED */
#define ACK_WITHOUT_EPOCH_AND_DIGEST 10   /* in KILLED */
#define HOLE_NOT_NOTICED 11               /* in POWER_LOST */
#define EPOCH_DRAWN_LAST 12               /* in KILLED */

#define EVERY 3 /* two files */
#define BATCHES 2
#define SLOTS 5
#define FREE 0
#define FOREIGN 9

/* the log: a slot holds a batch's number, from 1 */
byte slot[SLOTS], digest[SLOTS], rows[SLOTS];
bool synced[SLOTS];

/* the checkpoint */
byte epoch, committed, plan[BATCHES + 1];

/* answers that workers send until somebody takes them: for each batch, the plans (as bits) they were made for */
short made[BATCHES + 1];

bool gone[2], killed[2];

/* --- what is true of the table --- */

inline look() /* versions without a gap; last batch and digest of ours */
{
    d_step {
        v = 0; x = 0; d = 0;
        do
        :: v < SLOTS && slot[v] != FREE ->
            if
            :: slot[v] != FOREIGN -> x = slot[v]; d = digest[v]
            :: else
            fi;
            v++
        :: else -> break
        od
    }
}

inline forget() { v = 0; x = 0; d = 0 }

inline judge() /* at every moment */
{
    d_step {
        i = 0; sum = 0;
        do
        :: i < SLOTS && slot[i] != FREE ->
            assert((sum & rows[i]) == 0); /* no row twice */
            sum = sum | rows[i];
            i++
        :: else -> break
        od;
        i = 1;
        do
        :: i <= committed -> assert((plan[i] & sum) == plan[i]); i++ /* COMMITTED stays */
        :: else -> break
        od;
        i = 0; sum = 0
    }
}

inline sync()
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

/* --- a coordinator: each atomic is one effect or one look, and a kill comes between any two --- */

#define NEXT (n + 1)
#define WITH(d, p) ((d) | ((p) << (2 * n)))
#define OURS (x == NEXT && d == WITH(before, mine))

/* Every write transaction of the checkpoint begins with it. */
#define WRITE if :: me != epoch && MUTANT != EPOCH_NOT_CHECKED -> goto over :: else fi

proctype Coordinator(bit id)
{
    byte me, n, mine, part, v, x, d, before; /* E, C, plan C+1, its answer; V+1, X, digest of the table; D_C */
    bool saved;
    byte i, sum;

    do
    :: !gone[id] ->
    {
        /* step 0 */
        atomic { id == 0 || epoch > 0 -> epoch++; me = epoch }
        atomic {
            n = committed;
            before = plan[1] * (n >= 1) + plan[2] * 4 * (n >= 2);
            mine = (n < BATCHES -> plan[NEXT] : 0);
            saved = (mine != 0)
        }
        if
        :: MUTANT == EPOCH_DRAWN_LAST -> atomic { epoch++; me = epoch }
        :: else
        fi;
        /* §5, as far as it matters here: without copies of the checkpoint nothing may be refused */
        atomic {
            look();
            i = v;
            do
            :: i < SLOTS && slot[i] == FREE -> i++
            :: else -> break
            od;
            if
            :: i < SLOTS && MUTANT != HOLE_NOT_NOTICED -> goto over
            :: else -> i = 0
            fi;
            if
            :: OURS && saved
            :: x == n && d == before ->
                if
                :: saved && MUTANT == PLAN_REWRITTEN_ON_REPLAY -> mine = 0
                :: else
                fi;
                forget();
                goto batch
            :: else -> assert(me != epoch); goto over /* only a zombie is overtaken */
            fi
        }
        atomic { /* row 7 */
            if
            :: MUTANT != NO_SYNC_WHEN_ADOPTED -> sync()
            :: else
            fi
        }
        atomic { WRITE; committed = NEXT; before = d; n++; mine = 0; saved = false; forget(); judge() }

batch:  /* steps 1 and 2, then 3 and 4: dispatched before it is durable */
        atomic {
            if
            :: mine == 0 ->
                i = 1;
                do
                :: i <= n -> sum = sum | plan[i]; i++
                :: else -> break
                od;
                i = 0;
                if
                :: sum == EVERY -> sum = 0; goto idle
                :: (sum & 1) == 0 -> mine = 1
                :: (sum & 2) == 0 && made[1] != 0 -> mine = 2 /* the files are alike: the first is the first */
                :: sum == 0 -> mine = 3
                fi;
                sum = 0
            :: else
            fi;
            made[NEXT] = made[NEXT] | (1 << mine)
        }
        do
        :: atomic { !saved -> WRITE; plan[NEXT] = mine; committed = n; saved = true; judge() }
        :: atomic { part == 0 -> /* step 5 */
            if
            :: (made[NEXT] & 2) && (mine == 1 || MUTANT == ACK_WITHOUT_EPOCH_AND_DIGEST) -> part = 1
            :: (made[NEXT] & 4) && (mine == 2 || MUTANT == ACK_WITHOUT_EPOCH_AND_DIGEST) -> part = 2
            :: (made[NEXT] & 8) && (mine == 3 || MUTANT == ACK_WITHOUT_EPOCH_AND_DIGEST) -> part = 3
            fi
        }
        :: part != 0 && (saved || MUTANT == COMMIT_BEFORE_PLAN_IS_DURABLE) -> break
        od;
        if
        :: MUTANT == COMMITTED_BEFORE_LINK -> atomic { WRITE; committed = NEXT; judge() }
        :: else
        fi;

        /* step 6 */
again:  atomic {
            look();
            if
            :: OURS ->
                if
                :: MUTANT == NO_SYNC_WHEN_FOUND -> goto done
                :: else -> goto settle
                fi
            :: x > n && !OURS -> assert(me != epoch); goto over
            :: else
            fi
        }
        atomic {
            do
            :: v < SLOTS && slot[v] != FREE && MUTANT == NEXT_NUMBER_AFTER_EEXIST -> v++
            :: else -> break
            od;
            if
            :: v < SLOTS && (slot[v] == FREE || MUTANT == RENAME_INSTEAD_OF_LINK) ->
                slot[v] = NEXT; digest[v] = WITH(before, mine); rows[v] = part; synced[v] = false;
                assert(plan[NEXT] == mine && part == mine); /* no commit without its durable plan */
                judge()
            :: else -> goto again
            fi;
            if
            :: MUTANT == NO_SYNC_AFTER_LINK -> goto done
            :: else
            fi
        }
settle: atomic {
            sync();
done:       before = WITH(before, mine); n++; mine = 0; part = 0; saved = false; forget();
            goto batch /* step 7: COMMITTED is recorded with the next plan */
        }
idle:   atomic { /* or on idle */
            WRITE;
            committed = n;
            judge();
            assert(n > 0 && (plan[1] | plan[2]) == EVERY) /* with judge: nothing is lost */
        }
over:   gone[id] = true
    } unless { atomic { killed[id] -> killed[id] = false } };
        atomic { me = 0; n = 0; mine = 0; part = 0; before = 0; saved = false; i = 0; sum = 0; forget() }
    :: else -> break
    od
}

/* --- what befalls them --- */

proctype Foreign()
{
    byte v, x, d;
    atomic {
        look();
        slot[v] = FOREIGN;
        synced[v] = false;
        forget()
    }
}

proctype Fate()
{
    byte kills = (SCENARIO == KILLED -> 1 : 0), losses = (SCENARIO == POWER_LOST -> 1 : 0);
    byte i, sum;
    do
    :: atomic { kills > 0 && !gone[0] -> kills--; killed[0] = true }
    :: atomic { kills > 0 && !gone[1] -> kills--; killed[1] = true }
    :: atomic { losses > 0 -> /* power, and with it any of the unsynced versions */
        losses--;
        killed[0] = !gone[0]; killed[1] = !gone[1];
        i = 0;
        do
        :: i < SLOTS && slot[i] != FREE && !synced[i] -> slot[i] = FREE; digest[i] = 0; rows[i] = 0; i++
        :: i < SLOTS -> synced[i] = (slot[i] != FREE); i++
        :: i == SLOTS -> break
        od;
        i = 0;
        judge()
    }
    :: break
    od
}

init {
    atomic { CHOOSE; run Coordinator(0); run Coordinator(1); run Foreign(); run Fate() }
}
