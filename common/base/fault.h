/* Named fault points, for tests: compiled in only with CSTREAM_FAULTS.
 *
 *   CS_FAULT=name[@n]:kill|stop|exit|sleep=MS[,…]   at the n-th passing (from 1; default 1) of that point
 *   CS_MUTANT=name                                  plants one known bug (tests "guard the guards")
 *   CS_FAULT_TRACE=FILE                             appends the name of every point passed
 *
 * exit ends with status 70. A CS_FAULT that cannot be read ends the process with status 2. Any thread.
 *
 * A point's name is <stage>.<moment>, for example commit.before_link. tests/crash reads the list of points
 * from the source by pattern, so the name must be a literal in the call. */
#ifndef CS_COMMON_BASE_FAULT_H
#define CS_COMMON_BASE_FAULT_H

#include <stdbool.h>

#ifdef CSTREAM_FAULTS
void cs_fault_hit(const char *name);
bool cs_mutant_is(const char *name);
#define CS_FAULT(name) cs_fault_hit(name)
#define CS_MUTANT(name) cs_mutant_is(name)
#else
#define CS_FAULT(name) ((void)0)
#define CS_MUTANT(name) false
#endif

#endif
