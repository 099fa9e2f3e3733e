/* The folder of a checkpoint: made durably, on a file system that LMDB can live on, and locked. */
#ifndef CS_COORDINATOR_CHECKPOINT_CHECKPOINT_FOLDER_H
#define CS_COORDINATOR_CHECKPOINT_CHECKPOINT_FOLDER_H

#include "common/base/error.h"

/* Makes what is missing (0700; parents too), with all of it durable, and refuses file systems that
 * are not local. */
CS_MUST_USE cs_code cs_checkpoint_folder_make(const char *folder, cs_error *err);
/* Takes folder/LOCK for this process, until *fd is closed. CS_E_CHECKPOINT_IN_USE names who holds
 * it. */
CS_MUST_USE cs_code cs_checkpoint_folder_lock(const char *folder, int *fd, cs_error *err);
CS_MUST_USE cs_code cs_checkpoint_folder_sync(const char *folder, cs_error *err);

#endif
