/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/pass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

int pass_send(int socket, int fd, const void *data, size_t size)
{
	union control control = {.space = {0}};
	struct iovec part = {.iov_len = size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	memcpy(&part.iov_base, &data, sizeof(data)); /* sendmsg() does not write there */
	if (fd >= 0) {
		message.msg_control = control.space;
		message.msg_controllen = sizeof(control.space);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -1;
}

int pass_receive(int socket, int *fd, void *data, size_t size)
{
	union control control = {.space = {0}};
	struct iovec part = {.iov_base = data, .iov_len = size};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.space,
				 .msg_controllen = sizeof(control.space)};
	const struct cmsghdr *header;
	ssize_t n;

	do
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	*fd = -1;
	header = CMSG_FIRSTHDR(&message);
	if (header != NULL && header->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(header), sizeof(*fd));
	if (n == (ssize_t)size)
		return 0;
	errno = n == 0 ? EPIPE : EBADMSG;
	return -1;
}
