/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/network.h"

#include "common/cleanup.h"

#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

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
