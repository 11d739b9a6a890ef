/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/network.h"

#include "common/cleanup.h"
#include "runtime/pass.h"

#include <fcntl.h>

#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static int start_loopback(struct error *err)
{
	auto_fd int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};

	strcpy(request.ifr_name, "lo");
	if (s < 0 || ioctl(s, SIOCSIFFLAGS, &request) < 0)
		return error_sys(err, "starting the loopback interface");
	return 0;
}

int network_enter(const struct sandbox_spec *spec, struct error *err)
{
	switch (spec->network) {
	case SANDBOX_HOST_NETWORK:
		return 0;
	case SANDBOX_NO_NETWORK:
		return start_loopback(err);
	case SANDBOX_JOIN_NETWORK:
		if (setns(spec->netns, CLONE_NEWNET) < 0)
			return error_sys(err, "entering the network namespace");
		return 0;
	}
	return 0;
}

/* The namespace is made by a child, because a process cannot leave one that it has made and come
   back without the right to enter its old one. */
static _Noreturn void make_network(int socket)
{
	struct error ignored = ERROR_INIT;
	const char done = 0;
	int self = -1;

	if (unshare(CLONE_NEWNET) == 0 && start_loopback(&ignored) == 0)
		self = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	_exit(self < 0 || pass_send(socket, self, &done, sizeof(done)) < 0);
}

int sandbox_new_network(struct error *err)
{
	int ends[2], made = -1;
	pid_t child;
	char done;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_sys(err, "making a network namespace");
	child = fork();
	if (child == 0)
		make_network(ends[1]);
	close(ends[1]);
	if (child > 0) {
		if (pass_receive(ends[0], &made, &done, sizeof(done)) < 0)
			made = -1;
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	close(ends[0]);
	return made >= 0 ? made
			 : error_set(err, ERROR_DENIED, "a network namespace cannot be made");
}
