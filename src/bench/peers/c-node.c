/*
 * A node of C dqlite with the library's own defaults, but for writers that wait in line where it can make them: c-node ID ADDRESS BIND DIRECTORY [SNAPSHOT_THRESHOLD SNAPSHOT_TRAILING].
 * Serves until it is killed or its parent ends.
 */
#include <dqlite.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Since 1.18; unknown to older headers. */
extern int dqlite_node_set_busy_timeout(dqlite_node *, unsigned) __attribute__((weak));

#define BUSY_TIMEOUT_MS 5000

static int fail(dqlite_node *node, const char *what)
{
	fprintf(stderr, "c-node: %s: %s\n", what, dqlite_node_errmsg(node));
	return 1;
}

int main(int argc, char **argv)
{
	dqlite_node *node;
	if (argc != 5 && argc != 7) {
		fprintf(stderr, "usage: c-node ID ADDRESS BIND DIRECTORY [THRESHOLD TRAILING]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	/* Whoever measures may be killed himself. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dqlite_node_create(strtoull(argv[1], NULL, 10), argv[2], argv[4], &node) != 0)
		return fail(node, "create");
	if (dqlite_node_set_bind_address(node, argv[3]) != 0)
		return fail(node, "bind");
	if (argc > 5 &&
	    dqlite_node_set_snapshot_params(node, (unsigned)atoi(argv[5]), (unsigned)atoi(argv[6])) != 0)
		return fail(node, "snapshot parameters");
	if (dqlite_node_set_busy_timeout != NULL &&
	    dqlite_node_set_busy_timeout(node, BUSY_TIMEOUT_MS) != 0)
		return fail(node, "busy timeout");
	if (dqlite_node_start(node) != 0)
		return fail(node, "start");
	printf("serves\n");
	fflush(stdout);
	for (;;)
		pause();
}
