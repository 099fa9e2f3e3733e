/* Every socket option that has a bad default is set here, once (spec: reliability.md §4):
 * queues, message size, linger, heartbeats and handshake time have numbers, and a router says
 * when a peer is gone or full. Links between threads live in a context of their own: a thread
 * that hangs with its end open must not keep the sockets from being closed in good order. */
#include "common/wire/net.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/arena.h"
#include "common/base/limits.h"

#define ENDPOINT_BYTES_MAX 256u
#define DEALER_ID_BYTES 16u
#define POLL_ITEMS_MAX (CS_JOBS_MAX + 64u)

struct cs_net {
    void *outer;
    void *inner;
    atomic_uint links;
};

struct cs_socket {
    void *zmq;
    bool router;
    bool has_message;
    uint64_t dropped;
    zmq_msg_t message;
    char endpoint[ENDPOINT_BYTES_MAX];
};

static void *new_context(int io_threads);
static cs_code new_socket(void *context, int type, cs_socket **out, cs_error *err);
static void set_int(cs_socket *socket, int option, int value);
static void set_common(cs_socket *socket, const char *endpoint);
static cs_code resolve(const char *endpoint, bool bind, char out[ENDPOINT_BYTES_MAX],
                       cs_error *err);
static cs_code check_folder(const char *path, cs_error *err);
static bool next_part(cs_socket *socket, bool *more);
static void drop_rest(cs_socket *socket, bool more);

bool cs_peer_eq(const cs_peer *a, const cs_peer *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

cs_net *cs_net_new(void)
{
    cs_net *net = cs_xcalloc(1, sizeof *net);
    net->outer = new_context(1);
    net->inner = new_context(0); /* inproc needs none */
    return net;
}

void cs_net_close(cs_net *net)
{
    if (net == NULL || net->outer == NULL)
        return;
    while (zmq_ctx_term(net->outer) != 0 && zmq_errno() == EINTR)
        continue;
    net->outer = NULL;
}

void cs_net_free(cs_net *net)
{
    if (net == NULL)
        return;
    cs_net_close(net);
    while (zmq_ctx_term(net->inner) != 0 && zmq_errno() == EINTR)
        continue;
    free(net);
}

cs_code cs_net_check_endpoint(const char *endpoint, bool bind, cs_error *err)
{
    char resolved[ENDPOINT_BYTES_MAX];
    return resolve(endpoint, bind, resolved, err);
}

cs_code cs_socket_bind_router(cs_net *net, const char *endpoint, cs_socket **out, cs_error *err)
{
    char resolved[ENDPOINT_BYTES_MAX];
    CS_TRY(resolve(endpoint, true, resolved, err));
    cs_socket *socket = NULL;
    CS_TRY(new_socket(net->outer, ZMQ_ROUTER, &socket, err));
    socket->router = true;
    set_common(socket, resolved);
    set_int(socket, ZMQ_ROUTER_MANDATORY, 1);
    /* A peer keeps its name when it reconnects, often before its old connection is known to be
     * dead. */
    set_int(socket, ZMQ_ROUTER_HANDOVER, 1);
    if (zmq_bind(socket->zmq, resolved) != 0) {
        cs_code code = cs_error_sys(err, zmq_errno(), "cannot listen on %s", endpoint);
        cs_socket_close(socket);
        return code;
    }
    size_t len = sizeof socket->endpoint;
    int rc = zmq_getsockopt(socket->zmq, ZMQ_LAST_ENDPOINT, socket->endpoint, &len);
    assert(rc == 0);
    (void)rc;
    *out = socket;
    return CS_OK;
}

cs_code cs_socket_connect_dealer(cs_net *net, const char *endpoint, cs_rng *rng, cs_socket **out,
                                 cs_error *err)
{
    char resolved[ENDPOINT_BYTES_MAX];
    CS_TRY(resolve(endpoint, false, resolved, err));
    cs_socket *socket = NULL;
    CS_TRY(new_socket(net->outer, ZMQ_DEALER, &socket, err));
    set_common(socket, resolved);
    uint8_t id[DEALER_ID_BYTES];
    cs_rng_fill(rng, id, sizeof id);
    id[0] |= 1; /* names that begin with a zero byte are libzmq's own */
    int rc = zmq_setsockopt(socket->zmq, ZMQ_ROUTING_ID, id, sizeof id);
    assert(rc == 0);
    (void)rc;
    set_int(socket, ZMQ_RECONNECT_IVL, CS_RECONNECT_MS);
    set_int(socket, ZMQ_RECONNECT_IVL_MAX, CS_RECONNECT_MS_MAX);
    if (zmq_connect(socket->zmq, resolved) != 0) {
        cs_code code = cs_error_sys(err, zmq_errno(), "cannot connect to %s", endpoint);
        cs_socket_close(socket);
        return code;
    }
    snprintf(socket->endpoint, sizeof socket->endpoint, "%s", resolved);
    *out = socket;
    return CS_OK;
}

const char *cs_socket_endpoint(const cs_socket *socket)
{
    return socket->endpoint;
}

void cs_socket_close(cs_socket *socket)
{
    if (socket == NULL)
        return;
    if (socket->has_message)
        zmq_msg_close(&socket->message);
    zmq_close(socket->zmq);
    free(socket);
}

cs_code cs_socket_send(cs_socket *socket, const cs_peer *to, cs_str message, cs_error *err)
{
    assert(socket->router == (to != NULL));
    int rc = 0;
    if (to != NULL)
        rc = zmq_send(socket->zmq, to->bytes, to->len, ZMQ_DONTWAIT | ZMQ_SNDMORE);
    if (rc >= 0)
        rc = zmq_send(socket->zmq, message.ptr, message.len, ZMQ_DONTWAIT);
    if (rc >= 0)
        return CS_OK;
    int reason = zmq_errno();
    if (reason == EHOSTUNREACH)
        return cs_error_set(err, CS_E_UNREACHABLE, "the peer at %s is gone", socket->endpoint);
    if (reason == EAGAIN || reason == EINTR)
        return cs_error_set(err, CS_E_AGAIN, "%u messages wait for a peer at %s", CS_SEND_QUEUE_MAX,
                            socket->endpoint);
    return cs_error_set(err, CS_E_INTERNAL, "cannot send at %s: %s", socket->endpoint,
                        zmq_strerror(reason));
}

bool cs_socket_receive(cs_socket *socket, cs_peer *from, cs_str *message)
{
    assert(!socket->router || from != NULL);
    for (;;) {
        bool more = false;
        if (!next_part(socket, &more))
            return false;
        bool fits = true;
        if (socket->router) {
            size_t len = zmq_msg_size(&socket->message);
            fits = len > 0 && len <= CS_PEER_BYTES_MAX && more;
            if (fits) {
                from->len = (uint8_t)len;
                memcpy(from->bytes, zmq_msg_data(&socket->message), len);
                fits = next_part(socket, &more);
            }
        }
        if (fits && !more) {
            *message = (cs_str){ zmq_msg_data(&socket->message), zmq_msg_size(&socket->message) };
            return true;
        }
        drop_rest(socket, more);
        socket->dropped++;
    }
}

uint64_t cs_socket_dropped(const cs_socket *socket)
{
    return socket->dropped;
}

cs_code cs_link_open(cs_net *net, cs_socket **here, cs_socket **there, cs_error *err)
{
    char name[64];
    snprintf(name, sizeof name, "inproc://link-%u", atomic_fetch_add(&net->links, 1));
    cs_socket *ends[2] = { NULL, NULL };
    cs_code code;
    for (int i = 0; i < 2; i++) {
        CS_TRY_OUT(new_socket(net->inner, ZMQ_PAIR, &ends[i], err));
        /* An inproc queue holds what both ends allow together. */
        set_int(ends[i], ZMQ_SNDHWM, CS_LINK_MESSAGES_MAX / 2);
        set_int(ends[i], ZMQ_RCVHWM, CS_LINK_MESSAGES_MAX / 2);
        set_int(ends[i], ZMQ_LINGER, 0);
    }
    if (zmq_bind(ends[0]->zmq, name) != 0 || zmq_connect(ends[1]->zmq, name) != 0) {
        code = cs_error_sys(err, zmq_errno(), "cannot link two threads");
        goto out;
    }
    *here = ends[0];
    *there = ends[1];
    return CS_OK;
out:
    cs_socket_close(ends[0]);
    cs_socket_close(ends[1]);
    return code;
}

bool cs_link_post(cs_socket *end, void *message)
{
    return zmq_send(end->zmq, &message, sizeof message, ZMQ_DONTWAIT) >= 0;
}

void cs_link_post_wait(cs_socket *end, void *message)
{
    while (zmq_send(end->zmq, &message, sizeof message, 0) < 0)
        assert(zmq_errno() == EINTR);
}

void *cs_link_take(cs_socket *end)
{
    void *message = NULL;
    int len = zmq_recv(end->zmq, &message, sizeof message, ZMQ_DONTWAIT);
    assert(len < 0 || len == (int)sizeof message);
    return len < 0 ? NULL : message;
}

void *cs_link_take_wait(cs_socket *end)
{
    void *message = NULL;
    while (zmq_recv(end->zmq, &message, sizeof message, 0) < 0)
        assert(zmq_errno() == EINTR);
    return message;
}

cs_code cs_net_poll(cs_poll_item *items, size_t n, int64_t timeout_ms, cs_error *err)
{
    zmq_pollitem_t polled[POLL_ITEMS_MAX];
    assert(n <= POLL_ITEMS_MAX);
    for (size_t i = 0; i < n; i++) {
        items[i].ready = false;
        polled[i] = (zmq_pollitem_t){ .socket = items[i].socket ? items[i].socket->zmq : NULL,
                                      .fd = items[i].socket ? 0 : items[i].fd,
                                      .events = ZMQ_POLLIN };
    }
    if (zmq_poll(polled, (int)n, timeout_ms < 0 ? -1 : (long)timeout_ms) < 0) {
        if (zmq_errno() == EINTR)
            return CS_OK;
        return cs_error_sys(err, zmq_errno(), "cannot wait for messages");
    }
    for (size_t i = 0; i < n; i++)
        items[i].ready = polled[i].revents != 0;
    return CS_OK;
}

static void *new_context(int io_threads)
{
    void *context = zmq_ctx_new();
    if (context == NULL)
        cs_out_of_memory(0);
    int rc = zmq_ctx_set(context, ZMQ_IO_THREADS, io_threads);
    assert(rc == 0);
    (void)rc;
    return context;
}

static cs_code new_socket(void *context, int type, cs_socket **out, cs_error *err)
{
    void *zmq = zmq_socket(context, type);
    if (zmq == NULL)
        return cs_error_sys(err, zmq_errno(), "cannot make a socket");
    cs_socket *socket = cs_xcalloc(1, sizeof *socket);
    socket->zmq = zmq;
    *out = socket;
    return CS_OK;
}

static void set_int(cs_socket *socket, int option, int value)
{
    int rc = zmq_setsockopt(socket->zmq, option, &value, sizeof value);
    assert(rc == 0);
    (void)rc;
}

static void set_common(cs_socket *socket, const char *endpoint)
{
    int64_t message_max = CS_MESSAGE_BYTES_MAX;
    int rc = zmq_setsockopt(socket->zmq, ZMQ_MAXMSGSIZE, &message_max, sizeof message_max);
    assert(rc == 0);
    (void)rc;
    set_int(socket, ZMQ_SNDHWM, CS_SEND_QUEUE_MAX);
    set_int(socket, ZMQ_RCVHWM, CS_RECEIVE_QUEUE_MAX);
    set_int(socket, ZMQ_LINGER, CS_LINGER_MS);
    set_int(socket, ZMQ_HANDSHAKE_IVL, CS_HANDSHAKE_MS);
    set_int(socket, ZMQ_HEARTBEAT_IVL, CS_CONNECTION_CHECK_MS);
    set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, CS_CONNECTION_LOST_MS);
    if (strchr(endpoint, '[') != NULL)
        set_int(socket, ZMQ_IPV6, 1);
}

/* libzmq does not know the name localhost when it binds, so it is written out. */
static cs_code resolve(const char *endpoint, bool bind, char out[ENDPOINT_BYTES_MAX], cs_error *err)
{
    cs_str text = cs_str_of(endpoint);
    if (text.len >= ENDPOINT_BYTES_MAX)
        return cs_error_set(err, CS_E_BAD_CONFIG, "an endpoint of %zu bytes, the limit is %u",
                            text.len, ENDPOINT_BYTES_MAX - 1);
    if (cs_str_starts(text, CS_STR("ipc://"))) {
        snprintf(out, ENDPOINT_BYTES_MAX, "%s", endpoint);
        return check_folder(endpoint + strlen("ipc://"), err);
    }
    if (!cs_str_starts(text, CS_STR("tcp://"))) {
        cs_code code = cs_error_set(err, CS_E_BAD_CONFIG, "'%s' is not an endpoint", endpoint);
        cs_error_hint(err, "write tcp://127.0.0.1:7077 or ipc:///folder/name");
        return code;
    }
    const char *host = endpoint + strlen("tcp://");
    const char *colon = strrchr(host, ':');
    uint64_t port = 0;
    bool port_ok = colon != NULL && ((bind && strcmp(colon + 1, "*") == 0) ||
                                     (cs_str_to_u64(cs_str_of(colon + 1), &port) && port > 0 &&
                                      port < 65536));
    if (!port_ok) {
        cs_code code = cs_error_set(err, CS_E_BAD_CONFIG, "'%s' has no port", endpoint);
        cs_error_hint(err, "write tcp://127.0.0.1:7077");
        return code;
    }
    cs_str name = { host, (size_t)(colon - host) };
    if (cs_str_eq(name, CS_STR("localhost")))
        name = CS_STR("127.0.0.1");
    bool digits = name.len > 0 && strspn(host, "0123456789.") >= (size_t)(colon - host);
    bool loopback = cs_str_eq(name, CS_STR("[::1]")) || cs_str_eq(name, CS_STR("127.0.0.1")) ||
                    (digits && cs_str_starts(name, CS_STR("127.")));
    if (!loopback) {
        cs_code code = cs_error_set(err, CS_E_BAD_CONFIG,
                                    "'%s' is beyond this machine, and nothing is encrypted",
                                    endpoint);
        cs_error_hint(err, "use tcp://127.0.0.1:PORT or ipc://");
        return code;
    }
    snprintf(out, ENDPOINT_BYTES_MAX, "tcp://%.*s%s", CS_STR_ARG(name), colon);
    return CS_OK;
}

/* Who can reach the socket's folder can submit jobs in our name: it must be ours alone. */
static cs_code check_folder(const char *path, cs_error *err)
{
    char folder[ENDPOINT_BYTES_MAX];
    const char *slash = strrchr(path, '/');
    if (path[0] == '@' || path[0] == '\0' || slash == NULL)
        return cs_error_set(err, CS_E_BAD_CONFIG, "'ipc://%s' names no socket in a folder", path);
    snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    struct stat status;
    if (stat(folder, &status) != 0)
        return cs_error_sys(err, errno, "socket folder '%s'", folder);
    if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077) != 0) {
        cs_code code = cs_error_set(err, CS_E_BAD_CONFIG,
                                    "socket folder '%s' (mode %03o, owner %u) is open to others",
                                    folder, (unsigned)status.st_mode & 0777,
                                    (unsigned)status.st_uid);
        cs_error_hint(err, "use a folder of your own with mode 0700");
        return code;
    }
    return CS_OK;
}

/* The next part of a message into socket->message; false when nothing waits. */
static bool next_part(cs_socket *socket, bool *more)
{
    if (socket->has_message)
        zmq_msg_close(&socket->message);
    zmq_msg_init(&socket->message);
    socket->has_message = true;
    while (zmq_msg_recv(&socket->message, socket->zmq, ZMQ_DONTWAIT) < 0) {
        if (zmq_errno() != EINTR)
            return false;
    }
    *more = zmq_msg_more(&socket->message) != 0;
    return true;
}

static void drop_rest(cs_socket *socket, bool more)
{
    while (more && next_part(socket, &more))
        continue;
}
