/*
 * A light client of the dqlite protocol, the same for every server: closed loop, N connections, one thread, epoll.
 *
 * load ADDRESS DATABASE WORK CONNECTIONS SECONDS WARM_UP_SECONDS ROWS [PER_SECOND]
 *
 * WORK: insert (one row by a prepared statement), random (a random key and two indexes), select (one row by key, of ROWS),
 * rows (1000 rows by one statement; counts statements), begin (BEGIN, 1000 single inserts, COMMIT; counts rows). ADDRESS: IPv4:PORT of the leader.
 * PER_SECOND: open loop; operations are due at their times, wait for a free connection, and a latency counts from when its operation
 * was due, so that waiting behind a slow one is not left out.
 * Prints one line of JSON; latencies in microseconds. A refusal as SQLITE_BUSY is sent again at once and counted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { LEADER = 0, CLIENT = 1, OPEN = 3, PREPARE = 4, EXEC = 5, QUERY = 6, EXEC_SQL = 8 };
enum { FAILURE = 0, STATEMENT = 5, RESULT = 6, ROWS = 7 };
enum { CAPACITY = 1 << 16, SUB = 32, BUCKETS = 40 * SUB, BATCH = 1000 };
#define SQLITE_BUSY 5

struct connection {
	int socket;
	uint32_t statement, begin, commit;
	unsigned step;
	uint64_t started;
	size_t sent, toSend, got;
	unsigned char out[512];
	unsigned char in[CAPACITY];
};

static const char *work;
static uint64_t rows, sequence, seed = 88172645463325252ull;
static uint64_t buckets[BUCKETS], operations, busy, failures, greatest;
static double sum;

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "protocol");
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static uint64_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Log-linear: 32 buckets for each power of two, so that a figure is right to about 3 %. */
static void record(uint64_t ns)
{
	uint64_t us = ns / 100;
	unsigned shift = 0, index;
	while ((us >> shift) >= 2 * SUB)
		shift++;
	index = shift * SUB + (unsigned)(us >> shift);
	buckets[index < BUCKETS ? index : BUCKETS - 1]++;
	if (ns > greatest)
		greatest = ns;
	sum += (double)ns;
	operations++;
}

static double percentile(double share)
{
	uint64_t wanted = (uint64_t)(share * (double)operations), seen = 0;
	for (unsigned i = 0; i < BUCKETS; i++) {
		seen += buckets[i];
		if (seen > wanted) {
			unsigned shift = i < 2 * SUB ? 0 : i / SUB - 1;
			return (double)((uint64_t)(i - shift * SUB) << shift) / 10.0;
		}
	}
	return (double)greatest / 1000.0;
}

static size_t message(unsigned char *at, unsigned type, const unsigned char *body, size_t length)
{
	uint32_t words = (uint32_t)(length / 8);
	memset(at, 0, 8);
	memcpy(at, &words, 4);
	at[4] = (unsigned char)type;
	memcpy(at + 8, body, length);
	return 8 + length;
}

static size_t text(unsigned char *at, const char *value)
{
	size_t length = strlen(value) + 1, padded = (length + 7) / 8 * 8;
	memset(at, 0, padded);
	memcpy(at, value, length);
	return padded;
}

static void writeAll(int socket, const unsigned char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = write(socket, bytes, length);
		if (n <= 0)
			die("write");
		bytes += n;
		length -= (size_t)n;
	}
}

static void readAll(int socket, unsigned char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = read(socket, bytes, length);
		if (n <= 0)
			die("read");
		bytes += n;
		length -= (size_t)n;
	}
}

/* One request of the set-up, blocking; the type of the answer, its body in `in`. */
static unsigned ask(struct connection *c, unsigned type, const unsigned char *body, size_t length)
{
	unsigned char buffer[2048];
	uint32_t words;
	writeAll(c->socket, buffer, message(buffer, type, body, length));
	readAll(c->socket, c->in, 8);
	memcpy(&words, c->in, 4);
	type = c->in[4];
	if ((size_t)words * 8 > CAPACITY)
		die("a long answer");
	readAll(c->socket, c->in, (size_t)words * 8);
	return type;
}

static uint32_t prepare(struct connection *c, const char *sql)
{
	unsigned char body[1024] = {0};
	uint32_t id;
	if (ask(c, PREPARE, body, 8 + text(body + 8, sql)) != STATEMENT) {
		errno = 0;
		fprintf(stderr, "load: %s\n", (const char *)c->in + 8);
		die("prepare");
	}
	memcpy(&id, c->in + 4, 4);
	return id;
}

static void dial(struct connection *c, const char *address, const char *database)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	unsigned char body[1024];
	char host[64];
	size_t length;
	int one = 1;
	uint64_t version = 1;
	const char *colon = strrchr(address, ':');
	if (colon == NULL || (size_t)(colon - address) >= sizeof host)
		die("address");
	memcpy(host, address, (size_t)(colon - address));
	host[colon - address] = 0;
	to.sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, host, &to.sin_addr) != 1)
		die("address");
	c->socket = socket(AF_INET, SOCK_STREAM, 0);
	if (c->socket < 0 || connect(c->socket, (struct sockaddr *)&to, sizeof to) != 0)
		die("connect");
	setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	writeAll(c->socket, (unsigned char *)&version, 8);
	memset(body, 0, 8);
	if (ask(c, CLIENT, body, 8) == FAILURE)
		die("client");
	length = text(body, database);
	memset(body + length, 0, 8);
	length += 8;
	length += text(body + length, "");
	if (ask(c, OPEN, body, length) == FAILURE)
		die("open");
	if (strcmp(work, "select") == 0)
		c->statement = prepare(c, "SELECT owner, body FROM item WHERE id = ?");
	else if (strcmp(work, "random") == 0)
		c->statement = prepare(c, "INSERT INTO scattered(id, owner, body) VALUES (?, ?, ?)");
	else if (strcmp(work, "rows") == 0)
		c->statement = prepare(c, "INSERT INTO item(owner, body) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
					  "FROM n WHERE i < 1000) SELECT ?1 + i, ?2 FROM n");
	else
		c->statement = prepare(c, "INSERT INTO item(owner, body) VALUES (?, ?)");
	if (strcmp(work, "begin") == 0) {
		c->begin = prepare(c, "BEGIN");
		c->commit = prepare(c, "COMMIT");
	}
}

/* The request of the next operation. */
static void compose(struct connection *c)
{
	static const char body32[] = "thirty-one characters of a body";
	unsigned char b[256] = {0};
	size_t at = 8;
	uint64_t value;
	uint32_t statement = c->statement;
	int query = strcmp(work, "select") == 0;
	if (c->begin != c->commit && c->step == 0)
		statement = c->begin;
	else if (c->begin != c->commit && c->step == BATCH + 1)
		statement = c->commit;
	memcpy(b + 4, &statement, 4);
	if (query) {
		b[at] = 1;
		b[at + 1] = 1;
		value = 1 + draw() % rows;
		memcpy(b + at + 8, &value, 8);
		at += 16;
	} else if (statement == c->statement) {
		int scattered = strcmp(work, "random") == 0;
		b[at] = (unsigned char)(scattered ? 3 : 2);
		memcpy(b + at + 1, scattered ? "\1\1\3" : "\1\3", scattered ? 3 : 2);
		at += 8;
		if (scattered) {
			value = draw() >> 1;
			memcpy(b + at, &value, 8);
			at += 8;
		}
		value = scattered ? draw() >> 1 : ++sequence;
		memcpy(b + at, &value, 8);
		at += 8 + text(b + at + 8, body32);
	}
	c->toSend = message(c->out, query ? QUERY : EXEC, b, at);
	c->sent = 0;
	c->got = 0;
}

static void push(struct connection *c)
{
	ssize_t n = send(c->socket, c->out + c->sent, c->toSend - c->sent, 0);
	if (n < 0 && errno != EAGAIN)
		die("send");
	if (n > 0)
		c->sent += (size_t)n;
	if (c->sent < c->toSend)
		die("a socket that takes no request");
}

/* 0: not complete; 1: done; 2: to be sent again. */
static int pull(struct connection *c)
{
	uint32_t words;
	uint64_t code;
	ssize_t n = recv(c->socket, c->in + c->got, CAPACITY - c->got, 0);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		die("the server closed");
	c->got += (size_t)n;
	if (c->got < 8)
		return 0;
	memcpy(&words, c->in, 4);
	if (c->got < 8 + (size_t)words * 8)
		return 0;
	if (c->in[4] == RESULT || c->in[4] == ROWS)
		return 1;
	memcpy(&code, c->in + 8, 8);
	if ((code & 255) == SQLITE_BUSY) {
		busy++;
		return 2;
	}
	if (failures++ == 0)
		fprintf(stderr, "load: failure %llu: %s\n", (unsigned long long)code, (const char *)c->in + 16);
	if (failures > 1000)
		die("too many failures");
	return 1;
}

/* Operations at their times. Returns when all that were due have been answered. */
static void openLoop(int poll, struct connection *all, unsigned count, uint64_t begins, uint64_t ends, double rate)
{
	struct epoll_event events[64], tick = {.events = EPOLLIN, .data.ptr = NULL};
	struct connection **idle = calloc(count, sizeof *idle);
	unsigned idlers = 0;
	uint64_t start = now(), next = 0, due = start;
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	if (timer < 0 || idle == NULL || epoll_ctl(poll, EPOLL_CTL_ADD, timer, &tick) != 0)
		die("open loop");
	for (unsigned i = 0; i < count; i++)
		idle[idlers++] = &all[i];
	for (;;) {
		uint64_t at = now();
		while (idlers > 0 && due <= at && due < ends) {
			struct connection *c = idle[--idlers];
			c->started = due;
			compose(c);
			push(c);
			due = start + (uint64_t)((double)++next * 1e9 / rate);
		}
		if (due >= ends && idlers == count)
			break;
		if (at > ends + 60000000000ull)
			die("too far behind: the rate is beyond what the server does");
		if (idlers > 0 && due < ends) {
			struct itimerspec when = {.it_value = {(time_t)(due / 1000000000ull), (long)(due % 1000000000ull)}};
			timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
		}
		int n = epoll_wait(poll, events, 64, 1000);
		if (n < 0 && errno != EINTR)
			die("epoll");
		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;
			if (c == NULL) {
				uint64_t times;
				if (read(timer, &times, sizeof times) < 0 && errno != EAGAIN)
					die("timer");
				continue;
			}
			int state = pull(c);
			if (state == 0)
				continue;
			if (state == 1) {
				if (c->started >= begins)
					record(now() - c->started);
				idle[idlers++] = c;
				continue;
			}
			c->sent = 0;
			c->got = 0;
			push(c);
		}
	}
	free(idle);
}

/* Latencies up to which a share of the operations was answered: [[microseconds, share], ...]. */
static void printDistribution(void)
{
	uint64_t seen = 0;
	const char *comma = "";
	printf(",\"distribution\":[");
	for (unsigned i = 0; i < BUCKETS; i++) {
		unsigned shift = i < 2 * SUB ? 0 : i / SUB - 1;
		if (buckets[i] == 0)
			continue;
		seen += buckets[i];
		printf("%s[%.1f,%.6f]", comma, (double)((uint64_t)(i - shift * SUB + 1) << shift) / 10.0,
		       (double)seen / (double)operations);
		comma = ",";
	}
	printf("]");
}

int main(int argc, char **argv)
{
	if (argc != 8 && argc != 9) {
		fprintf(stderr, "usage: load ADDRESS DATABASE WORK CONNECTIONS SECONDS WARM_UP ROWS [PER_SECOND]\n");
		return 2;
	}
	work = argv[3];
	rows = strtoull(argv[7], NULL, 10);
	seed += (uint64_t)getpid() * 0x9e3779b97f4a7c15ull;
	unsigned count = (unsigned)atoi(argv[4]);
	int poll = epoll_create1(0);
	struct connection *all = calloc(count, sizeof *all);
	struct epoll_event events[64];
	struct rusage usage;
	if (poll < 0 || all == NULL)
		die("start");
	for (unsigned i = 0; i < count; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
		dial(&all[i], argv[1], argv[2]);
		epoll_ctl(poll, EPOLL_CTL_ADD, all[i].socket, &event);
	}
	uint64_t begins = now() + (uint64_t)(atof(argv[6]) * 1e9);
	uint64_t ends = begins + (uint64_t)(atof(argv[5]) * 1e9);
	uint64_t last = begins;
	if (argc > 8) {
		if (strcmp(work, "begin") == 0)
			die("transactions in an open loop");
		openLoop(poll, all, count, begins, ends, atof(argv[8]));
		last = ends;
		goto end;
	}
	for (unsigned i = 0; i < count; i++) {
		all[i].started = now();
		compose(&all[i]);
		push(&all[i]);
	}
	for (;;) {
		int n = epoll_wait(poll, events, 64, 1000);
		if (n < 0 && errno != EINTR)
			die("epoll");
		if (n <= 0 && now() > ends + 30000000000ull)
			die("no answer for 30 s");
		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;
			int state = pull(c);
			if (state == 0)
				continue;
			uint64_t at = now();
			if (state == 1) {
				if (at >= begins && at < ends) {
					record(at - c->started);
					last = at;
				}
				c->step = c->begin == c->commit || c->step == BATCH + 1 ? 0 : c->step + 1;
				c->started = at;
			}
			if (at >= ends)
				goto end;
			if (state == 1)
				compose(c);
			c->sent = 0;
			c->got = 0;
			push(c);
		}
	}
end:
	getrusage(RUSAGE_SELF, &usage);
	printf("{\"operations\":%llu,\"seconds\":%.6f,\"busy\":%llu,\"failures\":%llu,\"mean\":%.1f,\"p50\":%.1f,\"p90\":%.1f,"
	       "\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f",
	       (unsigned long long)operations, (double)(last - begins) / 1e9, (unsigned long long)busy,
	       (unsigned long long)failures, operations ? sum / (double)operations / 1000.0 : 0, percentile(0.5),
	       percentile(0.9), percentile(0.99), percentile(0.999), (double)greatest / 1000.0);
	printDistribution();
	printf("}\n");
	return 0;
}
