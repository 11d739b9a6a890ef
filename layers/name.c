/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/name.h"

#include "common/arena.h"

#include <ctype.h>
#include <string.h>

enum { NAME_MAX_PATH = 255, NAME_MAX_TAG = 128, NAME_MAX_TEXT = 1024 };

static int invalid(const char *text, struct error *err, const char *why)
{
	return error_set(err, ERROR_USAGE, "invalid image name \"%.200s\": %s", text, why);
}

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
	return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

/* [a-z0-9]+ joined by ".", "_", "__" or any number of "-". */
static bool is_component(const char *text, size_t length)
{
	size_t i = 0;

	while (i < length) {
		size_t start = i;

		while (i < length && is_lower_alnum(text[i]))
			i++;
		if (i == start)
			return false;
		if (i == length)
			return true;
		if (text[i] == '-') {
			while (i < length && text[i] == '-')
				i++;
		} else if (text[i] == '.') {
			i++;
		} else if (text[i] == '_') {
			i += i + 1 < length && text[i + 1] == '_' ? 2 : 1;
		} else {
			return false;
		}
	}
	return false; /* ends with a separator, or is empty */
}

static bool is_path(const char *text)
{
	for (;;) {
		size_t length = strcspn(text, "/");

		if (!is_component(text, length))
			return false;
		if (text[length] == '\0')
			return true;
		text += length + 1;
	}
}

static bool is_port(const char *text, size_t length)
{
	long value = 0;

	if (length == 0 || length > 5)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		value = value * 10 + (text[i] - '0');
	}
	return value > 0 && value <= 65535;
}

static bool is_host_name(const char *text, size_t length)
{
	size_t start = 0;

	for (size_t i = 0; i <= length; i++) {
		if (i < length && text[i] != '.') {
			if (!is_alnum(text[i]) && text[i] != '-')
				return false;
			continue;
		}
		if (i == start || text[start] == '-' || text[i - 1] == '-')
			return false;
		start = i + 1;
	}
	return true;
}

static bool is_domain(const char *text, size_t length)
{
	size_t host = 0;

	if (length > 0 && text[0] == '[') {
		for (host = 1; host < length && text[host] != ']'; host++)
			if (!isxdigit((unsigned char)text[host]) && text[host] != ':')
				return false;
		if (host < 3 || host == length)
			return false;
		host++;
	} else {
		while (host < length && text[host] != ':')
			host++;
		if (!is_host_name(text, host))
			return false;
	}
	if (host == length)
		return true;
	return text[host] == ':' && is_port(text + host + 1, length - host - 1);
}

static bool is_tag(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length > NAME_MAX_TAG || text[0] == '.' || text[0] == '-')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!is_alnum(text[i]) && strchr("_.-", text[i]) == NULL)
			return false;
	return true;
}

/* The rule of the reference library: the part before the first slash is a host if it could not be
   the first component of a repository of docker.io. */
static size_t domain_length(const char *text)
{
	size_t length = strcspn(text, "/");

	if (text[length] == '\0')
		return 0;
	if (length == strlen("localhost") && strncmp(text, "localhost", length) == 0)
		return length;
	for (size_t i = 0; i < length; i++)
		if (text[i] == '.' || text[i] == ':' || text[i] == '[' ||
		    isupper((unsigned char)text[i]))
			return length;
	return 0;
}

static bool is_docker_hub(const char *text, size_t length)
{
	static const char *const names[] = {"docker.io", "index.docker.io"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == length && strncmp(names[i], text, length) == 0)
			return true;
	return false;
}

static const char *familiar_path(const char *path)
{
	static const char official[] = "library/";

	if (strncmp(path, official, strlen(official)) == 0 &&
	    strchr(path + strlen(official), '/') == NULL)
		return path + strlen(official);
	return path;
}

/* The familiar repository of host/path without tag and digest. */
static char *repository(const char *text, const char *whole, struct error *err)
{
	size_t host = domain_length(text);
	const char *path = host > 0 ? text + host + 1 : text;
	struct digest ignored;

	if (host > 0 && !is_domain(text, host)) {
		invalid(whole, err, "the registry host before the first slash is malformed");
		return NULL;
	}
	if (!is_path(path)) {
		invalid(whole, err,
			"a repository consists of lower-case letters, digits and "
			"single separators . _ - / between them");
		return NULL;
	}
	if (digest_parse_hex(whole, &ignored)) {
		invalid(whole, err, "64 hex digits are an image ID, not a name");
		return NULL;
	}
	if (host == 0 || is_docker_hub(text, host))
		path = familiar_path(path);
	if (strlen(path) > NAME_MAX_PATH) {
		invalid(whole, err, "a repository without its host has at most 255 bytes");
		return NULL;
	}
	if (host > 0 && !is_docker_hub(text, host))
		return xstrdup(text);
	/* Without the host this would read as another host's name. */
	return domain_length(path) > 0 ? xprintf("docker.io/%s", path) : xstrdup(path);
}

int name_parse(const char *text, struct name *out, struct error *err)
{
	auto_free char *rest = NULL;
	auto_free char *repo = NULL;
	char *at, *colon, *tag = NULL;
	struct digest digest = {{0}};

	if (text[0] == '\0')
		return error_set(err, ERROR_USAGE, "the image name is empty");
	if (strlen(text) > NAME_MAX_TEXT)
		return invalid(text, err, "it is too long");
	rest = xstrdup(text);
	at = strchr(rest, '@');
	if (at != NULL) {
		*at++ = '\0';
		if (strncmp(at, "sha256:", 7) != 0 || !digest_parse_hex(at + 7, &digest))
			return invalid(text, err,
				       "after @ comes sha256: and 64 lower-case hex digits");
	}
	colon = strrchr(rest, ':');
	if (colon != NULL && strchr(colon, '/') == NULL) {
		*colon = '\0';
		tag = colon + 1;
		if (!is_tag(tag))
			return invalid(text, err,
				       "a tag has 1 to 128 letters, digits and _ . -, "
				       "and starts with none of . -");
	}
	repo = repository(rest, text, err);
	if (repo == NULL)
		return -1;
	out->repository = steal(repo);
	out->tag = tag != NULL ? xstrdup(tag) : at == NULL ? xstrdup("latest") : NULL;
	out->has_digest = at != NULL;
	out->digest = digest;
	return 0;
}

void name_release(struct name *n)
{
	free(n->repository);
	free(n->tag);
	*n = (struct name){.repository = NULL};
}

char *name_canonical(const char *text, struct error *err)
{
	auto_(name) struct name n = {.repository = NULL};

	if (name_parse(text, &n, err) < 0)
		return NULL;
	if (n.has_digest) {
		invalid(text, err, "a name to be set has a tag, not a digest");
		return NULL;
	}
	return xprintf("%s:%s", n.repository, n.tag);
}

char *name_qualified(const char *canonical)
{
	if (domain_length(canonical) > 0)
		return xstrdup(canonical);
	return xprintf(strchr(canonical, '/') != NULL ? "docker.io/%s" : "docker.io/library/%s",
		       canonical);
}
