/* Every limit of the program, each with its number: nothing grows without one. The text of an error that a
 * limit causes names the limit and its number. */
#ifndef CS_COMMON_BASE_LIMITS_H
#define CS_COMMON_BASE_LIMITS_H

/* Messages (proto/README.md) */
#define CS_MESSAGE_BYTES_MAX (4u << 20)      /* one frame on any socket */
#define CS_MESSAGE_UNPACKED_MAX (64u << 20)  /* memory that unpacking one frame may take */
#define CS_ACK_LIST_BYTES_MAX (1u << 20)     /* outputs in an ack; more go into a sealed list file */
#define CS_ACK_OUTPUTS_MAX 4096u
#define CS_SEND_QUEUE_MAX 1000               /* messages to one peer that is slow */
#define CS_RECEIVE_QUEUE_MAX 1000
#define CS_LINK_MESSAGES_MAX 1024            /* between two threads of one process */
#define CS_HANDSHAKE_MS 5000
#define CS_CONNECTION_CHECK_MS 3000
#define CS_CONNECTION_LOST_MS 10000
#define CS_RECONNECT_MS 10                   /* first wait; doubles up to the next */
#define CS_RECONNECT_MS_MAX 500
#define CS_VERSION_BYTES_MAX 64u

/* Batches */
#define CS_BATCH_FILES_MAX 65536u
#define CS_BATCH_TASKS_MAX 131072u
#define CS_TASK_SPLITS_MAX 4096u
#define CS_TASK_SPLIT_BYTES_MAX (1u << 20)   /* packed size of a task's splits */
#define CS_TASK_WORKERS_KILLED_MAX 4u        /* a task that ended so many workers fails the job */
#define CS_TASK_ATTEMPTS_MAX 10u             /* attempts of one task, leases and nacks included */
#define CS_PLAN_CHUNK_BYTES (256u << 10)     /* one stored value of a plan */

/* Sources */
#define CS_GLOB_PATTERNS_MAX 1024u           /* that the braces of pathGlobFilter stand for */
#define CS_SOURCE_HINTS_MAX 65536u           /* names kept between two looks; beyond: a full listing */
#define CS_SOURCE_WAITING_MAX 4000000u       /* files that wait to be planned */
#define CS_SOURCE_NOTICES_MAX 100u           /* skipped things named one by one; the rest is only counted */

/* Checkpoint */
#define CS_CHECKPOINT_PLANS_KEPT 100u                 /* committed plans kept for `checkpoint show` */
#define CS_CHECKPOINT_BYTES_MAX (64ull << 30)         /* of the LMDB file */
#define CS_CHECKPOINT_BACKUP_BYTES_MAX (64ull << 20)  /* a larger one is not backed up */
#define CS_CHECKPOINT_BACKUP_PLANS 256u               /* plans between backups of a running job */

/* Cluster */
#define CS_WORKERS_MAX 1024u
#define CS_JOBS_MAX 256u
#define CS_CLIENTS_MAX 256u
#define CS_HEARTBEAT_MS 500
#define CS_LEASE_MS 10000
#define CS_LINGER_MS 1000

/* Names and text */
#define CS_PATH_BYTES_MAX 4096u
#define CS_NAME_BYTES_MAX 255u
#define CS_OPTION_BYTES_MAX 65536u
#define CS_OPTIONS_MAX 256u
#define CS_SCHEMA_BYTES_MAX (4u << 20)

/* Data */
#define CS_JSON_DEPTH_MAX 128u               /* a type of CS_TYPE_DEPTH_MAX structs is three times as deep in JSON */
#define CS_COLUMNS_MAX 20480u
#define CS_TYPE_DEPTH_MAX 32u
#define CS_ZONES_MAX 1024u                   /* time zones one worker remembers; tzdata has about 600 names */
#define CS_TIME_PATTERN_BYTES_MAX 1024u      /* dateFormat and its like */
#define CS_TIME_PATTERN_DEPTH_MAX 16u        /* optional parts inside one another */
#define CS_RECORD_BYTES_MAX_DEFAULT (16u << 20)
#define CS_RECORD_BYTES_MAX (1u << 30)       /* that maxRecordBytes may ask for */
#define CS_ROWS_MAX 65536u                   /* rows in one cs_rows */
#define CS_ROW_GROUP_BUDGET_BYTES (48u << 20)
#define CS_READ_BLOCK_BYTES (256u << 10)
#define CS_CHUNK_PADDING 64u                 /* bytes behind a chunk that may be looked at, 64 at a time */

/* Delta */
#define CS_LOG_LINE_BYTES_MAX (256u << 20)
#define CS_COMMIT_INFO_FILES_MAX 10000u

#endif
