/*
 * Round trips of two processes:  ping tcp|unix ROUNDS BATCHES
 *
 * One sends 80 bytes, the other sends them back; both sleep in read(). Prints ns per round trip for each
 * batch.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE 80

static void must(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static void no_delay(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Both ends of a connection through the loopback device. */
static void tcp_pair(int pair[2])
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t size = sizeof address;

	must(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 1) == 0, "listen");
	must(getsockname(listener, (struct sockaddr *)&address, &size) == 0, "getsockname");
	pair[0] = socket(AF_INET, SOCK_STREAM, 0);
	must(connect(pair[0], (struct sockaddr *)&address, size) == 0, "connect");
	pair[1] = accept(listener, NULL, NULL);
	must(pair[1] >= 0, "accept");
	close(listener);
	no_delay(pair[0]);
	no_delay(pair[1]);
}

static int receive(int fd)
{
	char bytes[MESSAGE];
	size_t got = 0;

	while (got < MESSAGE) {
		ssize_t more = read(fd, bytes, MESSAGE - got);

		if (more <= 0)
			return 0;
		got += (size_t)more;
	}
	return 1;
}

static void send_one(int fd)
{
	static const char bytes[MESSAGE];

	must(write(fd, bytes, MESSAGE) == MESSAGE, "write");
}

static double now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

int main(int argc, char **argv)
{
	int rounds = argc > 3 ? atoi(argv[2]) : 0, batches = argc > 3 ? atoi(argv[3]) : 0, pair[2];

	if (rounds <= 0)
		return 2;
	if (strcmp(argv[1], "tcp") == 0)
		tcp_pair(pair);
	else
		must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		while (receive(pair[1]))
			send_one(pair[1]);
		return 0;
	}
	close(pair[1]);
	for (int batch = 0; batch < batches; batch++) {
		double start = now_ns();

		for (int i = 0; i < rounds; i++) {
			send_one(pair[0]);
			must(receive(pair[0]), "read");
		}
		printf("%.0f\n", (now_ns() - start) / rounds);
	}
	close(pair[0]);
	wait(NULL);
	return 0;
}
