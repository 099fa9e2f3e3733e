/* cleanSource (spec reliability.md §2): a source file of a COMMITTED batch is deleted, or archived where read leases
 * are not allowed, while its name is uploaded again, a writer still has it open, cleaners are killed and come back
 * (two at once: one of them a zombie), and the power fails.
 *
 * File 1 is the one that was read, in content 0. Nothing but it, in that content, with no writer on it, may go. */

#include "chosen.pml"

/* scenarios */
#define ZOMBIE 1     /* two cleaners, one may be killed and comes back */
#define POWER_LOST 2 /* one, killed and without power once each */

/* mutants */
#define WRITER_NOT_PROBED 1               /* in POWER_LOST */
#define COMPARED_BEFORE_PROBED 2          /* in POWER_LOST */
#define COMPARED_BEFORE_RENAMED 3         /* in POWER_LOST */
#define PUT_BACK_BY_RENAME 4              /* in POWER_LOST */
#define PUT_BACK_NOT_SYNCED 5             /* in POWER_LOST */
#define PUT_BACK_NOT_FINISHED 6           /* in POWER_LOST */
#define LEFT_OVER_DELETED 7               /* in POWER_LOST */
#define DELETED_WITHOUT_LEASES 8          /* in POWER_LOST */
#define DROPPED_WHEN_NAME_IS_TAKEN 9      /* in POWER_LOST */
#define PRIVATE_NAME_SHARED 10            /* in ZOMBIE */

#define FILES 4
#define NONE 0

/* Names, as the processes see them and as they are on the disk; a name holds a file. Of what was done to names since
 * the last sync, a power loss may undo any, each whole. */
#define NAME 0
#define PRIVATE 1 /* and 2: one for each cleaner */
#define ARCHIVE 3
#define NOWHERE 4
#define OPS 6
byte now[5], disk[5];
byte op_from[OPS], op_to[OPS], op_file[OPS], ops; /* from NOWHERE: link; to NOWHERE: unlink */
byte content[FILES], writers[FILES];
byte files = 1;
bool leases, gone[2], killed[2];

#define MINE (MUTANT == PRIVATE_NAME_SHARED -> PRIVATE : PRIVATE + id)
#define OTHERS (MUTANT == PRIVATE_NAME_SHARED -> PRIVATE : PRIVATE + 1 - id)

inline move(from, to, file)
{
    d_step {
        op_from[ops] = from; op_to[ops] = to; op_file[ops] = file;
        now[from] = NONE; now[to] = op_file[ops]; now[NOWHERE] = NONE;
        ops++
    }
}

inline sync()
{
    d_step {
        disk[0] = now[0]; disk[1] = now[1]; disk[2] = now[2]; disk[3] = now[3];
        do
        :: ops > 0 -> ops--; op_from[ops] = 0; op_to[ops] = 0; op_file[ops] = 0
        :: else -> break
        od
    }
}

inline judge() /* what was not read is still somewhere */
{
    d_step {
        i = 1;
        do
        :: i <= files ->
            assert((i == 1 && content[1] == 0) || replaced[i] ||
                now[0] == i || now[1] == i || now[2] == i || now[3] == i);
            i++
        :: else -> break
        od;
        i = 0
    }
}
bool replaced[FILES]; /* by an upload of the same name: its owner's doing */

proctype Cleaner(bit id)
{
    byte i;
    bool same;
    do
    :: !gone[id] ->
    {
        /* what an earlier one left is settled first, under a name of our own */
        atomic {
            if
            :: now[MINE] != NONE
            :: now[MINE] == NONE && now[OTHERS] != NONE -> move(OTHERS, MINE, now[OTHERS])
            :: now[MINE] == NONE && now[OTHERS] == NONE -> goto take
            fi;
            if
            :: MUTANT == LEFT_OVER_DELETED -> move(MINE, NOWHERE, now[MINE]); judge(); goto take
            :: now[NAME] == now[MINE] && MUTANT != PUT_BACK_NOT_FINISHED -> goto finish
            :: else -> goto look
            fi
        }
take:   atomic {
            same = (now[NAME] == 1 && content[1] == 0);
            if
            :: now[NAME] == NONE || (MUTANT == COMPARED_BEFORE_RENAMED && !same) -> goto over
            :: else
            fi
        }
        atomic {
            if
            :: now[NAME] == NONE -> goto over
            :: now[NAME] != NONE && now[MINE] != NONE -> goto over
            :: else -> move(NAME, MINE, now[NAME])
            fi
        }
look:   atomic {
            if
            :: now[MINE] == NONE -> goto over /* a newer one settles it */
            :: else
            fi;
            if
            :: MUTANT == COMPARED_BEFORE_PROBED -> same = (now[MINE] == 1 && content[1] == 0)
            :: else
            fi
        }
        atomic {
            if
            :: now[MINE] == NONE -> goto over
            :: now[MINE] != NONE && writers[now[MINE]] > 0 && leases && MUTANT != WRITER_NOT_PROBED -> goto back
            :: else
            fi
        }
        atomic {
            if
            :: now[MINE] == NONE -> goto over
            :: MUTANT != COMPARED_BEFORE_PROBED && MUTANT != COMPARED_BEFORE_RENAMED ->
                same = (now[MINE] == 1 && content[1] == 0)
            :: else
            fi;
            if
            :: !same -> goto back
            :: else
            fi
        }
        atomic {
            if
            :: now[MINE] == NONE -> goto over
            :: now[MINE] != NONE && (leases || MUTANT == DELETED_WITHOUT_LEASES) ->
                move(MINE, NOWHERE, now[MINE])
            :: now[MINE] != NONE && !leases && MUTANT != DELETED_WITHOUT_LEASES ->
                move(MINE, ARCHIVE, now[MINE])
            fi;
            judge();
            goto over
        }
back:   atomic {
            if
            :: now[MINE] == NONE -> goto over
            :: now[MINE] != NONE && MUTANT == PUT_BACK_BY_RENAME ->
                move(MINE, NAME, now[MINE]); judge(); goto over
            :: now[MINE] != NONE && MUTANT != PUT_BACK_BY_RENAME && now[NAME] != NONE && now[NAME] != now[MINE] ->
                if
                :: MUTANT == DROPPED_WHEN_NAME_IS_TAKEN -> move(MINE, NOWHERE, now[MINE]); judge()
                :: else
                fi;
                goto over /* kept and reported */
            :: now[NAME] == now[MINE]
            :: else -> move(NOWHERE, NAME, now[MINE])
            fi
        }
finish: if
        :: MUTANT != PUT_BACK_NOT_SYNCED -> sync()
        :: else
        fi;
        atomic {
            if
            :: now[MINE] != NONE -> move(MINE, NOWHERE, now[MINE])
            :: else
            fi;
            judge()
        }
over:   gone[id] = true
    } unless { atomic { killed[id] -> killed[id] = false } };
        same = false
    :: else -> break
    od
}

/* People: upload under the name again, in place or by rename; write on while somebody takes the name away. */
proctype Uploader()
{
    byte uploads = 2, i, open;
    do
    :: atomic { uploads > 0 && open == 0 && now[NAME] != NONE -> uploads--; open = now[NAME]; writers[open]++ }
    :: atomic { uploads > 0 && open == 0 && files + 1 < FILES -> /* a new file; it replaces what has the name */
        uploads--;
        files++;
        if
        :: now[NAME] != NONE -> replaced[now[NAME]] = true
        :: else
        fi;
        now[NAME] = files;
        sync(); /* its owner does */
        judge()
    }
    :: atomic { open != 0 ->
        if
        :: content[open] = 1
        :: skip
        fi;
        writers[open]--;
        open = 0;
        judge()
    }
    :: atomic { open == 0 -> break }
    od
}

proctype Fate()
{
    byte kills = 1, losses = (SCENARIO == POWER_LOST -> 1 : 0), i;
    do
    :: atomic { kills > 0 && !gone[0] -> kills--; killed[0] = true }
    :: atomic { kills > 0 && !gone[1] && SCENARIO == ZOMBIE -> kills--; killed[1] = true }
    :: atomic { losses > 0 ->
        losses--;
        killed[0] = !gone[0]; killed[1] = !gone[1] && SCENARIO == ZOMBIE;
        i = 0;
        do /* what was done still fits, or was undone too */
        :: i < ops ->
            if
            :: (op_from[i] == NOWHERE || disk[op_from[i]] == op_file[i]) && disk[op_to[i]] == NONE ->
                disk[op_from[i]] = NONE; disk[op_to[i]] = op_file[i]; disk[NOWHERE] = NONE
            :: skip /* undone */
            fi;
            i++
        :: else -> break
        od;
        now[0] = disk[0]; now[1] = disk[1]; now[2] = disk[2]; now[3] = disk[3]; i = 0;
        sync();
        judge()
    }
    :: break
    od
}

init {
    atomic {
        CHOOSE;
        if
        :: leases = true
        :: skip
        fi;
        now[NAME] = 1; disk[NAME] = 1;
        run Cleaner(0);
        if
        :: SCENARIO == ZOMBIE -> run Cleaner(1)
        :: else
        fi;
        run Uploader(); run Fate()
    }
}
