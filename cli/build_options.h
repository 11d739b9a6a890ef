/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the options of `varve build` say, as the builder wants it.
 */
#ifndef CLI_BUILD_OPTIONS_H
#define CLI_BUILD_OPTIONS_H

#include "builder/build.h"
#include "cli/build_output.h"
#include "cli/option.h"
#include "layers/platform.h"

/* As written; filled in by option_parse(). */
struct build_values {
	struct option_list tags, args, labels, outputs, secrets, ssh, contexts, hosts, ulimits,
		no_cache_filter, allow, annotations, volumes, platforms;
	const char *file, *target, *progress, *iidfile, *metadata, *compression, *jobs;
	const char *volume_writes, *epoch, *network, *shm_size, *provenance, *sbom, *call;
	bool no_cache, no_cutoff, pull, plan, explain, check, quiet, squash;
	bool load, rm, force_rm, compress; /* accepted for scripts written for docker */
};

/* The values understood. options points into the rest, which owns everything. */
struct build_settings {
	struct arena arena;
	struct build_options options; /* without what comes from input and store */
	const char *const *platforms; /* normalised */
	size_t platform_count;        /* 0: this machine */
	bool force_index;             /* even of one platform: BUILDKIT_MULTI_PLATFORM */
	struct output_spec *outputs;
	size_t output_count;
	struct buf *secrets; /* the values of options.fetch.secrets; wiped at the end */
	struct build_bind *binds;
};

#define BUILD_SETTINGS_INIT                                                                        \
	{                                                                                          \
		.arena = ARENA_INIT, .options = {.context = -1, .host_root = -1, .interrupt = -1 } \
	}

void build_settings_release(struct build_settings *s);
DEFINE_CLEANUP_STRUCT(build_settings, struct build_settings, build_settings_release);

/* Reads what the options name: secret files, sockets, directories of --volume. Prints warnings. */
int build_settings_fill(struct build_settings *s, const struct build_values *v, struct error *err);

/* --- one value of one option each; errors name the option ----------------------------------- */

/* host:ip or host=ip; an IPv6 address may stand in brackets. */
int host_parse(struct arena *arena, const char *text, struct build_arg *out, struct error *err);

/* name=soft[:hard]; -1 and "unlimited" are no limit. */
int limit_parse(struct arena *arena, const char *text, struct build_limit *out, struct error *err);

/* [type[platform],...:]key=value; *on is a set of enum annotation_on. */
int annotation_parse(struct arena *arena, const char *text, struct build_annotation *out,
		     struct error *err);

/* id=X[,src=FILE|,env=NAME][,type=file|env]: reads the value. */
enum { SECRET_MAX_BYTES = 500 * 1024 };
int secret_parse(struct arena *arena, const char *text, const char **id, struct buf *value,
		 struct error *err);

/* default, or id=SOCKET, or id=KEY,KEY; without a path the agent of SSH_AUTH_SOCK. */
int ssh_parse(struct arena *arena, const char *text, struct build_ssh *out, struct error *err);

/* SOURCE:TARGET[:ro|rw]; source is opened. */
int bind_parse(struct arena *arena, const char *text, struct build_bind *out, struct error *err);

#endif
