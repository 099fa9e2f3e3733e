#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/wire/net.h"

static char folder[64];
static char endpoint[128];
static cs_net *net;
static cs_error err;

static int start(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/cs-net-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(endpoint, sizeof endpoint, "ipc://%s/s", folder);
    net = cs_net_new();
    cs_error_clear(&err);
    return 0;
}

static int end(void **state)
{
    (void)state;
    cs_net_free(net);
    char path[128];
    snprintf(path, sizeof path, "%s/s", folder);
    (void)unlink(path); /* libzmq has removed it already when all went well */
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static bool wait_for(cs_socket *socket, int64_t timeout_ms)
{
    cs_poll_item item = { .socket = socket };
    assert_int_equal(cs_net_poll(&item, 1, timeout_ms, &err), CS_OK);
    return item.ready;
}

static void dealer_and_router_exchange_messages_over_ipc(void **state)
{
    (void)state;
    cs_socket *dealer, *router;
    /* The dealer comes first: it has to keep trying until somebody listens. */
    assert_int_equal(cs_socket_connect_dealer(net, endpoint, cs_rng_system(), &dealer, &err),
                     CS_OK);
    assert_int_equal(cs_socket_send(dealer, NULL, CS_STR("hello\0there"), &err), CS_OK);
    assert_int_equal(cs_socket_bind_router(net, endpoint, &router, &err), CS_OK);
    cs_peer peer;
    cs_str got;
    assert_false(cs_socket_receive(router, &peer, &got));
    assert_true(wait_for(router, 5000));
    assert_true(cs_socket_receive(router, &peer, &got));
    assert_true(cs_str_eq(got, CS_STR("hello\0there")));
    assert_int_equal(peer.len, 16);
    assert_int_equal(cs_socket_send(router, &peer, CS_STR("back"), &err), CS_OK);
    assert_true(wait_for(dealer, 5000));
    assert_true(cs_socket_receive(dealer, NULL, &got));
    assert_true(cs_str_eq(got, CS_STR("back")));
    assert_false(cs_socket_receive(dealer, NULL, &got));
    cs_socket_close(dealer);
    cs_socket_close(router);
}

static void peer_that_is_gone_or_full_is_reported(void **state)
{
    (void)state;
    cs_socket *dealer, *router;
    assert_int_equal(cs_socket_bind_router(net, endpoint, &router, &err), CS_OK);
    cs_peer nobody = { 3, { 1, 2, 3 } };
    assert_int_equal(cs_socket_send(router, &nobody, CS_STR("x"), &err), CS_E_UNREACHABLE);

    assert_int_equal(cs_socket_connect_dealer(net, endpoint, cs_rng_system(), &dealer, &err),
                     CS_OK);
    assert_int_equal(cs_socket_send(dealer, NULL, CS_STR("x"), &err), CS_OK);
    assert_true(wait_for(router, 5000));
    cs_peer peer;
    cs_str got;
    assert_true(cs_socket_receive(router, &peer, &got));
    /* The dealer never reads: both queues and the kernel's buffer fill up, and then nothing
     * blocks. */
    static char large[64 << 10];
    cs_code code = CS_OK;
    unsigned sent = 0;
    for (; code == CS_OK && sent < 10 * (CS_SEND_QUEUE_MAX + CS_RECEIVE_QUEUE_MAX); sent++)
        code = cs_socket_send(router, &peer, (cs_str){ large, sizeof large }, &err);
    assert_int_equal(code, CS_E_AGAIN);
    cs_socket_close(dealer);
    for (int i = 0; i < 500 && code == CS_E_AGAIN; i++) {
        (void)wait_for(router, 10);
        code = cs_socket_send(router, &peer, CS_STR("x"), &err);
    }
    assert_int_equal(code, CS_E_UNREACHABLE);
    cs_socket_close(router);
}

static void garbage_on_the_raw_socket_harms_nobody(void **state)
{
    (void)state;
    cs_socket *dealer, *router;
    assert_int_equal(cs_socket_bind_router(net, endpoint, &router, &err), CS_OK);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s/s", folder);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    char garbage[4096];
    memset(garbage, 0xff, sizeof garbage);
    assert_true(send(fd, garbage, sizeof garbage, MSG_NOSIGNAL) > 0);

    assert_int_equal(cs_socket_connect_dealer(net, endpoint, cs_rng_system(), &dealer, &err),
                     CS_OK);
    assert_int_equal(cs_socket_send(dealer, NULL, CS_STR("alive"), &err), CS_OK);
    assert_true(wait_for(router, 5000));
    cs_peer peer;
    cs_str got;
    assert_true(cs_socket_receive(router, &peer, &got));
    assert_true(cs_str_eq(got, CS_STR("alive")));
    close(fd);
    cs_socket_close(dealer);
    cs_socket_close(router);
}

static void only_loopback_and_private_folders_are_taken(void **state)
{
    (void)state;
    static const char *const good[] = {
        "tcp://127.0.0.1:7077", "tcp://127.0.0.1:*",   "tcp://localhost:7077",
        "tcp://127.8.9.1:1",    "tcp://[::1]:65535",
    };
    static const char *const bad[] = {
        "tcp://0.0.0.0:7077", "tcp://*:7077",      "tcp://10.0.0.1:7077",   "tcp://127.0.0.1",
        "tcp://127.0.0.1:0",  "tcp://[::]:7077",   "tcp://127.0.0.1:65536", "tcp://127.evil:7077",
        "tcp://:7077",        "ipc://@abstract",   "ipc:///tmp/open",       "inproc://x",
        "127.0.0.1:7077",     "ipc://",            "",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(cs_net_check_endpoint(good[i], true, &err), CS_OK);
    assert_int_equal(cs_net_check_endpoint("tcp://127.0.0.1:*", false, &err), CS_E_BAD_CONFIG);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cs_error_clear(&err);
        assert_int_equal(cs_net_check_endpoint(bad[i], true, &err), CS_E_BAD_CONFIG);
        assert_true(err.message[0] != '\0');
    }
    assert_int_equal(cs_net_check_endpoint(endpoint, true, &err), CS_OK);
    assert_int_equal(chmod(folder, 0750), 0);
    assert_int_equal(cs_net_check_endpoint(endpoint, true, &err), CS_E_BAD_CONFIG);
    assert_int_equal(cs_net_check_endpoint("ipc:///nowhere/at/all/s", true, &err),
                     CS_E_MISSING_FILE);
}

static void free_tcp_port_is_named_by_the_endpoint(void **state)
{
    (void)state;
    cs_socket *router, *second;
    assert_int_equal(cs_socket_bind_router(net, "tcp://127.0.0.1:*", &router, &err), CS_OK);
    const char *bound = cs_socket_endpoint(router);
    assert_true(cs_str_starts(cs_str_of(bound), CS_STR("tcp://127.0.0.1:")));
    assert_int_equal(cs_net_check_endpoint(bound, false, &err), CS_OK);
    assert_int_equal(cs_socket_bind_router(net, bound, &second, &err), CS_E_IO);
    assert_non_null(strstr(err.message, "Address already in use"));
    cs_socket_close(router);
}

static void *echo_until_null(void *link)
{
    for (;;) {
        void *message = cs_link_take_wait(link);
        cs_link_post_wait(link, message);
        if (message == &err)
            break;
    }
    cs_socket_close(link);
    return NULL;
}

static void link_carries_pointers_in_order_between_threads(void **state)
{
    (void)state;
    cs_socket *here, *there;
    assert_int_equal(cs_link_open(net, &here, &there, &err), CS_OK);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, echo_until_null, there), 0);
    static char items[1000];
    for (int i = 0; i < 1000; i++) {
        while (!cs_link_post(here, &items[i]))
            (void)wait_for(here, 10);
        if (i % 100 == 99) {
            for (int k = i - 99; k <= i; k++)
                assert_ptr_equal(cs_link_take_wait(here), &items[k]);
        }
    }
    assert_null(cs_link_take(here));
    assert_true(cs_link_post(here, &err));
    assert_true(wait_for(here, 5000));
    assert_ptr_equal(cs_link_take_wait(here), &err);
    assert_int_equal(pthread_join(thread, NULL), 0);
    cs_socket_close(here);
}

static void link_says_when_it_is_full(void **state)
{
    (void)state;
    cs_socket *here, *there;
    assert_int_equal(cs_link_open(net, &here, &there, &err), CS_OK);
    unsigned posted = 0;
    while (cs_link_post(here, &err))
        posted++;
    assert_int_equal(posted, CS_LINK_MESSAGES_MAX);
    cs_socket_close(here);
    cs_socket_close(there);
}

static void poll_tells_which_of_sockets_and_descriptors_is_ready(void **state)
{
    (void)state;
    cs_socket *here, *there;
    assert_int_equal(cs_link_open(net, &here, &there, &err), CS_OK);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    cs_poll_item items[2] = { { .socket = here }, { .fd = ends[0] } };
    assert_int_equal(cs_net_poll(items, 2, 0, &err), CS_OK);
    assert_false(items[0].ready || items[1].ready);
    close(ends[1]); /* a pipe whose other end is gone */
    assert_int_equal(cs_net_poll(items, 2, 1000, &err), CS_OK);
    assert_true(!items[0].ready && items[1].ready);
    assert_true(cs_link_post(there, &err));
    assert_int_equal(cs_net_poll(items, 1, 1000, &err), CS_OK);
    assert_true(items[0].ready);
    close(ends[0]);
    cs_socket_close(here);
    cs_socket_close(there);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(dealer_and_router_exchange_messages_over_ipc, start, end),
        cmocka_unit_test_setup_teardown(peer_that_is_gone_or_full_is_reported, start, end),
        cmocka_unit_test_setup_teardown(garbage_on_the_raw_socket_harms_nobody, start, end),
        cmocka_unit_test_setup_teardown(only_loopback_and_private_folders_are_taken, start, end),
        cmocka_unit_test_setup_teardown(free_tcp_port_is_named_by_the_endpoint, start, end),
        cmocka_unit_test_setup_teardown(link_carries_pointers_in_order_between_threads, start, end),
        cmocka_unit_test_setup_teardown(link_says_when_it_is_full, start, end),
        cmocka_unit_test_setup_teardown(poll_tells_which_of_sockets_and_descriptors_is_ready, start,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
