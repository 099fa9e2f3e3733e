/* What must hold, whatever happens: looked at after every event, from outside, by reading the log's
 * JSON and the parts it names.
 *
 *   - versions come without a gap, and none changes; one that was reported as committed never goes
 *   - no row is in two versions
 *   - a version holds exactly the rows of the files of one durable plan
 *   - at the end every row of every file is there, and no left-over file is */
#ifndef CS_SIM_CHECK_H
#define CS_SIM_CHECK_H

#include "coordinator/plan/plan.h"
#include "tests/sim/sim_world.h"

sim_check *sim_check_new(sim_world *world);
void sim_check_free(sim_check *check);
/* A file has this content from now on: rows first … first + n - 1, beside those it had, or instead
 * of them. */
void sim_check_landed(sim_check *check, cs_str path, cs_content_version version, int first, int n,
                      bool beside);
/* Rows of its newest content; 0: it is not there yet. */
int sim_check_rows_of(const sim_check *check, cs_str path);
/* A plan that a coordinator is about to save, and that is durable now. */
void sim_check_saving(sim_check *check, const cs_plan *plan);
void sim_check_saved(sim_check *check, int64_t digest63);
/* A coordinator reports this version as committed. */
void sim_check_committed(sim_check *check, int64_t version);
/* After each event. */
void sim_check_look(sim_check *check);
/* The table's folder was replaced. */
void sim_check_forget_versions(sim_check *check);
/* After a crash: versions may be gone. */
void sim_check_look_anew(sim_check *check);
/* Everything that landed is in the table: of each file one of its contents, whole. */
bool sim_check_complete(const sim_check *check);
/* Each row exactly once, read by the real reader; no left-over files when `clean`. */
void sim_check_end(sim_check *check, bool clean);
int64_t sim_check_version(const sim_check *check);

#endif
