/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remote sources: ADD of URLs and git repositories, remote contexts.
 *
 * Everything here blocks and belongs in a job. What a URL gave is kept as a blob in the store with
 * a record (kind "varve-http", under the digest of the URL) of its ETag and Last-Modified, so that
 * the next build asks only whether it has changed.
 */
#ifndef BUILDER_FETCH_H
#define BUILDER_FETCH_H

#include "builder/git.h"
#include "layers/store.h"

/* --secret: a value that reaches only the program, never the store, history, keys or messages. */
struct build_secret {
	const char *id;
	const void *data;
	size_t length;
};

struct fetch_options {
	/* HTTP_AUTH_HEADER_<host> and HTTP_AUTH_TOKEN_<host> go to http servers, GIT_AUTH_HEADER
	   and GIT_AUTH_TOKEN (also with _<host>) to git servers over http. */
	const struct build_secret *secrets;
	size_t secret_count;
	const char *ssh_socket; /* agent for git over ssh; NULL: none */
	bool keep_git_dir;      /* of git contexts: BUILDKIT_CONTEXT_KEEP_GIT_DIR */
	bool commit_times;      /* of git contexts: files get the time of the commit */
};

enum { FETCHED_NAME = 256 };
#define FETCH_MAX_BYTES (UINT64_C(64) * 1024 * 1024 * 1024)

/* What a remote source is at the moment: plain bytes, so that a job can return it. */
struct fetched {
	struct digest content;    /* http: the blob; git: of the commit's name */
	uint64_t size;            /* http */
	int64_t mtime;            /* http: Last-Modified, else 0 */
	char name[FETCHED_NAME];  /* http: the file name, "" if the URL gives none */
	char commit[GIT_ID_SIZE]; /* git: the commit, hex */
};

/* Makes sure the store holds what the URL gives now. checksum, "sha256:<hex>" or NULL, must match
   (then nothing is asked of the server if the store has it). */
int fetch_http(struct store *s, const char *url, const char *checksum,
	       const struct fetch_options *o, struct fetched *out, struct error *err);

/* Asks the repository which commit the reference means now. checksum: the commit it must be, or a
   prefix of it, or NULL. */
int fetch_git_resolve(const struct git_source *g, const char *checksum,
		      const struct fetch_options *o, struct fetched *out, struct error *err);

/* Checks a commit out: a new directory called name in the store's stage holds the subdirectory that
   the source names, files 0644 or 0755, directories 0755, with .git only if keep_git_dir. Returns
   the directory. */
int fetch_git(struct store *s, const struct git_source *g, const struct fetched *at,
	      bool keep_git_dir, const struct fetch_options *o, const char *name,
	      struct error *err);

#endif
