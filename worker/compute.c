#include "worker/compute.h"

#include <pthread.h>
#include <stdlib.h>

#include "worker/task.h"

/* A task on its way to the thread; the same struct comes back with the answer. task NULL: the
 * thread ends. */
typedef struct compute_task {
    cs_arena arena;
    const Cs__Task *task;
    cs_buf answer;
} compute_task;

struct cs_compute {
    pthread_t thread;
    cs_socket *control_end, *compute_end;
    cs_task_control control;
};

static void *run(void *arg);
static void run_task(cs_compute *compute, compute_task *task);

cs_code cs_compute_start(cs_net *net, cs_compute **out, cs_error *err)
{
    cs_compute *compute = cs_xcalloc(1, sizeof *compute);
    cs_code code;
    CS_TRY_OUT(cs_link_open(net, &compute->control_end, &compute->compute_end, err));
    int rc = pthread_create(&compute->thread, NULL, run, compute);
    if (rc != 0) {
        code = cs_error_sys(err, rc, "cannot start the compute thread");
        goto out;
    }
    *out = compute;
    return CS_OK;
out:
    cs_socket_close(compute->control_end);
    cs_socket_close(compute->compute_end);
    free(compute);
    return code;
}

cs_socket *cs_compute_link(cs_compute *compute)
{
    return compute->control_end;
}

void cs_compute_run(cs_compute *compute, cs_arena *arena, const Cs__Task *task)
{
    compute_task *message = cs_xcalloc(1, sizeof *message);
    message->arena = *arena;
    message->task = task;
    atomic_store(&compute->control.cancel, false);
    cs_link_post_wait(compute->control_end, message);
}

void cs_compute_cancel(cs_compute *compute)
{
    atomic_store(&compute->control.cancel, true);
}

uint64_t cs_compute_progress(const cs_compute *compute)
{
    return atomic_load(&compute->control.progress);
}

bool cs_compute_take(cs_compute *compute, cs_buf *answer)
{
    compute_task *message = cs_link_take(compute->control_end);
    if (message == NULL)
        return false;
    *answer = message->answer;
    free(message);
    return true;
}

void cs_compute_end(cs_compute *compute)
{
    if (compute == NULL)
        return;
    compute_task *message = cs_xcalloc(1, sizeof *message);
    cs_link_post_wait(compute->control_end, message);
    pthread_join(compute->thread, NULL);
    cs_socket_close(compute->control_end);
    free(compute);
}

static void *run(void *arg)
{
    cs_compute *compute = arg;
    for (;;) {
        compute_task *message = cs_link_take_wait(compute->compute_end);
        if (message->task == NULL) {
            free(message);
            break;
        }
        run_task(compute, message);
        message->task = NULL;
        cs_arena_done(&message->arena);
        cs_link_post_wait(compute->compute_end, message);
    }
    cs_socket_close(compute->compute_end);
    return NULL;
}

static cs_code pack_ack(const Cs__Task *task, const cs_task_outcome *outcome, cs_arena *arena,
                        cs_buf *out, cs_error *err)
{
    Cs__FromWorker message = CS__FROM_WORKER__INIT;
    Cs__Ack ack = CS__ACK__INIT;
    Cs__Output *outputs = cs_arena_array(arena, Cs__Output, outcome->n_parts);
    Cs__Part *parts = cs_arena_array(arena, Cs__Part, outcome->n_parts);
    ack.key = task->key;
    ack.rows_read = outcome->rows_read;
    ack.rows_rejected = outcome->rows_rejected;
    ack.bytes_read = outcome->bytes_read;
    ack.n_outputs = outcome->n_parts;
    ack.outputs = cs_arena_array(arena, Cs__Output *, outcome->n_parts);
    for (size_t i = 0; i < outcome->n_parts; i++) {
        const cs_part *part = &outcome->parts[i];
        cs__output__init(&outputs[i]);
        cs__part__init(&parts[i]);
        parts[i].path = cs_wire_bytes(part->path);
        parts[i].size_bytes = part->size_bytes;
        parts[i].rows = part->rows;
        parts[i].modified_ms = part->modified_ms;
        parts[i].checksum = part->checksum;
        parts[i].stats_json = cs_wire_bytes(part->stats_json);
        outputs[i].kind_case = CS__OUTPUT__KIND_PART;
        outputs[i].part = &parts[i];
        ack.outputs[i] = &outputs[i];
    }
    message.body_case = CS__FROM_WORKER__BODY_ACK;
    message.ack = &ack;
    return cs_wire_pack_from_worker(&message, out, err);
}

static void pack_nack(const Cs__Task *task, const cs_error *why, cs_arena *arena, cs_buf *out)
{
    Cs__FromWorker message = CS__FROM_WORKER__INIT;
    Cs__Nack nack = CS__NACK__INIT;
    nack.key = task->key;
    nack.error = cs_wire_error(why, arena);
    message.body_case = CS__FROM_WORKER__BODY_NACK;
    message.nack = &nack;
    cs_error err;
    if (cs_wire_pack_from_worker(&message, out, &err) != CS_OK)
        cs_out_of_memory(out->cap); /* texts are cut: a nack is never too large */
}

static void run_task(cs_compute *compute, compute_task *message)
{
    cs_task_doors doors = cs_task_doors_system();
    cs_task_outcome outcome;
    cs_error err;
    cs_code code = cs_task_run(message->task, &doors, &compute->control, &message->arena, &outcome,
                               &err);
    if (code == CS_OK)
        code = pack_ack(message->task, &outcome, &message->arena, &message->answer, &err);
    if (code != CS_OK)
        pack_nack(message->task, &err, &message->arena, &message->answer);
}
