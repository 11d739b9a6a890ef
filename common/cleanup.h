/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scope-bound ownership with the cleanup attribute.
 *
 *	auto_fd int fd = open_in(...);          closed when fd leaves the scope, errno kept
 *	auto_free char *text = NULL;            freed likewise
 *	auto_(buf) struct buf b = BUF_INIT;     any type that declared DEFINE_CLEANUP
 *	return steal_fd(&fd);                   give ownership away
 *
 * Initialise at the declaration. Do not use these between clone and exec.
 */
#ifndef COMMON_CLEANUP_H
#define COMMON_CLEANUP_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define auto_(name) __attribute__((cleanup(cleanup_##name)))
#define auto_fd auto_(fd)
#define auto_free auto_(free)

/* Defines cleanup_NAME() for variables of type TYPE; RELEASE takes the value (often a pointer). */
#define DEFINE_CLEANUP(name, type, release)                                                        \
	static inline void cleanup_##name(type *value)                                             \
	{                                                                                          \
		release(*value);                                                                   \
	}                                                                                          \
	struct cleanup_##name##_needs_semicolon

/* The same for structs that live on the stack; RELEASE takes their address. */
#define DEFINE_CLEANUP_STRUCT(name, type, release)                                                 \
	static inline void cleanup_##name(type *value)                                             \
	{                                                                                          \
		release(value);                                                                    \
	}                                                                                          \
	struct cleanup_##name##_needs_semicolon

/* Closes *fd if it is open and marks it closed; errno survives. */
static inline void cleanup_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline int steal_fd(int *fd)
{
	int value = *fd;

	*fd = -1;
	return value;
}

/* Yields the pointer and leaves NULL behind. */
#define steal(pointer)                                                                             \
	({                                                                                         \
		__typeof__(pointer) *steal_at_ = &(pointer);                                       \
		__typeof__(pointer) steal_value_ = *steal_at_;                                     \
		*steal_at_ = NULL;                                                                 \
		steal_value_;                                                                      \
	})

#endif
