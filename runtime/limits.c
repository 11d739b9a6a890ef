/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/plan.h"

#include <errno.h>
#include <sys/resource.h>

enum { NOFILE_SOFT = 1048576 };

static const char *limit_name(int resource)
{
	static const char *const names[] = {
		[RLIMIT_AS] = "as",
		[RLIMIT_CORE] = "core",
		[RLIMIT_CPU] = "cpu",
		[RLIMIT_DATA] = "data",
		[RLIMIT_FSIZE] = "fsize",
		[RLIMIT_LOCKS] = "locks",
		[RLIMIT_MEMLOCK] = "memlock",
		[RLIMIT_MSGQUEUE] = "msgqueue",
		[RLIMIT_NICE] = "nice",
		[RLIMIT_NOFILE] = "nofile",
		[RLIMIT_NPROC] = "nproc",
		[RLIMIT_RSS] = "rss",
		[RLIMIT_RTPRIO] = "rtprio",
		[RLIMIT_RTTIME] = "rttime",
		[RLIMIT_SIGPENDING] = "sigpending",
		[RLIMIT_STACK] = "stack",
	};

	if (resource < 0 || (size_t)resource >= sizeof(names) / sizeof(names[0]) ||
	    names[resource] == NULL)
		return "unknown";
	return names[resource];
}

static const char *value(uint64_t limit, char text[24])
{
	if (limit == RLIM_INFINITY)
		return "unlimited";
	snprintf(text, 24, "%llu", (unsigned long long)limit);
	return text;
}

static int refuse(const struct sandbox_limit *l, struct error *err)
{
	char soft[24], hard[24], most[24];
	struct rlimit old;

	error_sys(err, "setting the limit %s=%s:%s", limit_name(l->resource), value(l->soft, soft),
		  value(l->hard, hard));
	if (err->os != EPERM || getrlimit(l->resource, &old) < 0)
		return -1;
	if (l->hard > old.rlim_max)
		return error_hint(err, "varve itself has %s as its hard limit and may not raise it",
				  value(old.rlim_max, most));
	return error_hint(err, "the sysctl fs.nr_open is the most that the kernel allows");
}

/* What is lowered for init cannot be raised again for the program. */
static bool is_given(const struct sandbox_spec *spec, int resource)
{
	for (size_t i = 0; i < spec->limit_count; i++)
		if (spec->limits[i].resource == resource)
			return true;
	return false;
}

int limits_set_defaults(const struct sandbox_spec *spec, struct error *err)
{
	const struct rlimit none = {0, 0};
	struct rlimit files;

	if (!is_given(spec, RLIMIT_CORE) && setrlimit(RLIMIT_CORE, &none) < 0)
		return error_sys(err, "switching core dumps off");
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return error_sys(err, "reading the limit of open files");
	files.rlim_cur = files.rlim_max < NOFILE_SOFT ? files.rlim_max : NOFILE_SOFT;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return error_sys(err, "setting the limit of open files");
	return 0;
}

int limits_set(const struct sandbox_spec *spec, struct error *err)
{
	for (size_t i = 0; i < spec->limit_count; i++) {
		const struct sandbox_limit *l = &spec->limits[i];
		const struct rlimit limit = {.rlim_cur = l->soft, .rlim_max = l->hard};

		if (setrlimit(l->resource, &limit) < 0)
			return refuse(l, err);
	}
	return 0;
}
