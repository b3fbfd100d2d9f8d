/* A plain node of C dqlite: c-node ID ADDRESS DIRECTORY LATENCY_MS [THRESHOLD TRAILING [BIND]]. Ends on SIGTERM. */
#include <dqlite.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(dqlite_node *node, const char *what)
{
	fprintf(stderr, "%s: %s\n", what, dqlite_node_errmsg(node));
	return 1;
}

int main(int argc, char **argv)
{
	dqlite_node *node;
	sigset_t set;
	int received;

	if (argc < 5) {
		fprintf(stderr, "usage: c-node ID ADDRESS DIRECTORY LATENCY_MS [THRESHOLD TRAILING [BIND]]\n");
		return 2;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);

	if (dqlite_node_create(strtoull(argv[1], NULL, 10), argv[2], argv[3], &node) != 0)
		return fail(node, "create");
	if (dqlite_node_set_bind_address(node, argc > 7 ? argv[7] : argv[2]) != 0)
		return fail(node, "bind");
	if (dqlite_node_set_network_latency_ms(node, (unsigned)atoi(argv[4])) != 0)
		return fail(node, "latency");
	if (argc > 6 &&
	    dqlite_node_set_snapshot_params(node, (unsigned)atoi(argv[5]), (unsigned)atoi(argv[6])) != 0)
		return fail(node, "snapshot parameters");
	if (dqlite_node_start(node) != 0)
		return fail(node, "start");
	printf("serves\n");
	fflush(stdout);
	sigwait(&set, &received);
	dqlite_node_stop(node);
	dqlite_node_destroy(node);
	return 0;
}
