/* The rule, and why:
 *
 * - A batch is weighed: its bytes, and FILE_WEIGHT for every file, since opening one costs as much
 *   as parsing so many bytes.
 * - The weight is cut into as many shares as make each at most the job's splitBytes (taskBytes for
 *   packed files), then rounded up to a multiple of the workers, so that all end together. A batch
 *   too light for one share each is spread over the workers only while a share keeps SHARE_MIN: a
 *   task makes one part, and many tiny parts cost more on every later read than an idle worker
 *   costs now.
 * - A file of more than one and a half shares is cut into equal ranges, each a task of its own, if
 *   its format allows. All other files are laid side by side in their order and cut between files,
 *   at the gaps nearest to the multiples of the share: never more tasks than shares, whatever the
 *   sizes.
 * - Heavy tasks go first, so that the last ones to end are light. */
#include "coordinator/plan/plan_pack.h"

#include <stdlib.h>

#include "common/base/limits.h"

#define FILE_WEIGHT (16u << 10)
#define SHARE_MIN (4u << 20)
/* What a split takes on the wire besides its path, at most: five numbers and their tags, two
 * headers. */
#define SPLIT_WIRE_BYTES 64u
/* Keeps the number of cut ranges within a half of CS_BATCH_TASKS_MAX; whole files make the other
 * half. */
#define SHARES_MAX (CS_BATCH_TASKS_MAX / 4)

typedef struct packer {
    cs_plan *plan;
    uint64_t split_share, task_share;
    size_t wire_bytes; /* of the open task */
} packer;

static uint64_t share_of(uint64_t weight, uint64_t most, uint32_t workers);
static bool is_cut(const packer *pack, const cs_plan_input *input, const cs_source_file *file);
static void cut_large(packer *pack, const cs_plan_input *input);
static void pack_small(packer *pack, const cs_plan_input *input);
static int by_weight(const void *a, const void *b);

static uint64_t pieces_of(const packer *pack, const cs_source_file *file)
{
    return (file->version.size_bytes + pack->split_share - 1) / pack->split_share;
}

void cs_plan_pack(cs_plan *plan, const cs_plan_input *input)
{
    uint64_t weight = plan->bytes + (uint64_t)plan->n_files * FILE_WEIGHT;
    packer pack = {
        .plan = plan,
        .split_share = share_of(weight, input->job->split_bytes, input->workers),
        .task_share = share_of(weight, input->job->task_bytes, input->workers),
    };
    uint64_t splits = 0;
    for (uint32_t i = 0; i < plan->n_files; i++)
        splits += is_cut(&pack, input, &plan->files[i]) ? pieces_of(&pack, &plan->files[i]) : 1;
    plan->splits = cs_arena_array(&plan->arena, cs_split, splits);
    plan->tasks = cs_arena_array(&plan->arena, cs_plan_task, splits);
    cut_large(&pack, input);
    pack_small(&pack, input);
    qsort(plan->tasks, plan->n_tasks, sizeof *plan->tasks, by_weight);
}

static uint64_t share_of(uint64_t weight, uint64_t most, uint32_t workers)
{
    if (workers == 0)
        workers = 1;
    uint64_t shares = (weight + most - 1) / most;
    if (shares >= workers)
        shares = (shares + workers - 1) / workers * workers;
    else if (weight / SHARE_MIN < workers)
        shares = weight / SHARE_MIN;
    else
        shares = workers;
    if (shares > SHARES_MAX)
        shares = SHARES_MAX;
    return shares == 0 ? weight + 1 : (weight + shares - 1) / shares;
}

static bool is_cut(const packer *pack, const cs_plan_input *input, const cs_source_file *file)
{
    uint64_t size = file->version.size_bytes;
    uint64_t share = pack->split_share;
    return input->splittable && size > share && size - share > share / 2;
}

static void add_split(packer *pack, uint32_t file, bool by_records, uint64_t begin, uint64_t end)
{
    cs_plan *plan = pack->plan;
    cs_plan_task *task = &plan->tasks[plan->n_tasks - 1];
    plan->splits[plan->n_splits++] = (cs_split){ file, by_records, begin, end };
    task->n_splits++;
    task->bytes += end - begin;
    pack->wire_bytes += SPLIT_WIRE_BYTES + plan->files[file].path.len;
}

static void open_task(packer *pack)
{
    cs_plan *plan = pack->plan;
    plan->tasks[plan->n_tasks++] = (cs_plan_task){ .first_split = plan->n_splits };
    pack->wire_bytes = 0;
}

static void cut_large(packer *pack, const cs_plan_input *input)
{
    for (uint32_t i = 0; i < pack->plan->n_files; i++) {
        const cs_source_file *file = &pack->plan->files[i];
        if (!is_cut(pack, input, file))
            continue;
        uint64_t size = file->version.size_bytes, pieces = pieces_of(pack, file);
        uint64_t each = size / pieces, rest = size % pieces, begin = 0;
        for (uint64_t k = 0; k < pieces; k++) {
            uint64_t end = begin + each + (k < rest);
            open_task(pack);
            add_split(pack, i, true, begin, end);
            begin = end;
        }
    }
}

static void pack_small(packer *pack, const cs_plan_input *input)
{
    uint64_t before = 0, share = UINT64_MAX;
    for (uint32_t i = 0; i < pack->plan->n_files; i++) {
        const cs_source_file *file = &pack->plan->files[i];
        if (is_cut(pack, input, file))
            continue;
        uint64_t size = file->version.size_bytes, weight = size + FILE_WEIGHT;
        uint64_t middle = (before + weight / 2) / pack->task_share;
        const cs_plan_task *open =
            share == UINT64_MAX ? NULL : &pack->plan->tasks[pack->plan->n_tasks - 1];
        if (open == NULL || middle != share || open->n_splits == CS_TASK_SPLITS_MAX ||
            pack->wire_bytes + SPLIT_WIRE_BYTES + file->path.len > CS_TASK_SPLIT_BYTES_MAX)
            open_task(pack);
        share = middle;
        add_split(pack, i, false, 0, size);
        before += weight;
    }
}

static int by_weight(const void *a, const void *b)
{
    const cs_plan_task *one = a, *other = b;
    if (one->bytes != other->bytes)
        return one->bytes > other->bytes ? -1 : 1;
    return one->first_split < other->first_split ? -1 : one->first_split > other->first_split;
}
