/* The door to the network and between threads: the only folder that includes zmq.h. Sockets carry
 * whole messages of at most CS_MESSAGE_BYTES_MAX; sending never blocks; a full or unknown peer is
 * reported, never dropped in silence.
 *
 * A cs_socket belongs to one thread at a time (it may be handed over by starting a thread). A
 * cs_net may be used by all. */
#ifndef CS_COMMON_WIRE_NET_H
#define CS_COMMON_WIRE_NET_H

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/str.h"

typedef struct cs_net cs_net;
typedef struct cs_socket cs_socket;

#define CS_PEER_BYTES_MAX 32
/* Names the other end of a router's connection. A dealer draws it at random and keeps it when it
 * reconnects. */
typedef struct cs_peer {
    uint8_t len;
    uint8_t bytes[CS_PEER_BYTES_MAX];
} cs_peer;
bool cs_peer_eq(const cs_peer *a, const cs_peer *b);

cs_net *cs_net_new(void);
/* All sockets must be closed before (links may still be open). Waits up to CS_LINGER_MS for what
 * was sent and is still on its way. */
void cs_net_close(cs_net *net);
/* Closes; all links must be closed too. */
void cs_net_free(cs_net *net);

/* ipc://PATH in a folder of ours with mode 0700, or tcp:// on a loopback address (port on bind:
 * any free one): all else needs CURVE, hence CS_E_BAD_CONFIG. */
CS_MUST_USE cs_code cs_net_check_endpoint(const char *endpoint, bool bind, cs_error *err);

CS_MUST_USE cs_code cs_socket_bind_router(cs_net *net, const char *endpoint, cs_socket **out,
                                          cs_error *err);
/* Connects and reconnects by itself; nobody needs to listen yet. */
CS_MUST_USE cs_code cs_socket_connect_dealer(cs_net *net, const char *endpoint, cs_rng *rng,
                                             cs_socket **out, cs_error *err);
/* The endpoint as bound, with the port that was chosen. */
const char *cs_socket_endpoint(const cs_socket *socket);
void cs_socket_close(cs_socket *socket); /* NULL is fine */

/* `to` is NULL for a dealer. CS_E_UNREACHABLE: no such peer any more; CS_E_AGAIN: its queue is
 * full, or (a dealer) nobody is there and the queue is full. */
CS_MUST_USE cs_code cs_socket_send(cs_socket *socket, const cs_peer *to, cs_str message,
                                   cs_error *err);
/* False when nothing waits. The message is borrowed until the next call. `from` may be NULL for
 * a dealer. What has another shape (several parts, a peer's name beyond the limit) is dropped
 * and counted. */
bool cs_socket_receive(cs_socket *socket, cs_peer *from, cs_str *message);
uint64_t cs_socket_dropped(const cs_socket *socket);

/* A pair of threads: what is posted at one end is taken at the other, in order. Messages are
 * pointers and change hands. At most CS_LINK_MESSAGES_MAX wait. */
CS_MUST_USE cs_code cs_link_open(cs_net *net, cs_socket **here, cs_socket **there, cs_error *err);
/* False: the link is full. */
CS_MUST_USE bool cs_link_post(cs_socket *end, void *message);
/* Waits while the link is full. */
void cs_link_post_wait(cs_socket *end, void *message);
/* NULL: nothing waits. */
void *cs_link_take(cs_socket *end);
void *cs_link_take_wait(cs_socket *end);

typedef struct cs_poll_item {
    cs_socket *socket; /* or NULL and fd */
    int fd;
    bool ready;        /* out: something may be read (or, fd, its other end is gone) */
} cs_poll_item;
/* Waits for input; timeout_ms < 0: for ever. A signal ends it early, with nothing ready. */
CS_MUST_USE cs_code cs_net_poll(cs_poll_item *items, size_t n, int64_t timeout_ms, cs_error *err);

#endif
