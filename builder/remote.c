/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/remote.h"

#include "common/arena.h"
#include "common/fd.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* --- URLs ---------------------------------------------------------------------------------- */

/* What lies between "://" and the path. */
static const char *authority(const char *url, size_t *length)
{
	const char *at = strstr(url, "://");

	at = at != NULL ? at + 3 : url + strlen(url);
	*length = strcspn(at, "/?#");
	return at;
}

/* Length of "user:password@" at the start of an authority. */
static size_t userinfo(const char *at, size_t length)
{
	const char *last = memrchr(at, '@', length);

	return last != NULL ? (size_t)(last - at) + 1 : 0;
}

char *url_host(const char *url)
{
	size_t length, skip, end = 0;
	const char *at = authority(url, &length);
	char *host;

	skip = userinfo(at, length);
	at += skip;
	length -= skip;
	if (length > 0 && *at == '[') {
		at++;
		length--;
		while (end < length && at[end] != ']')
			end++;
	} else {
		while (end < length && at[end] != ':')
			end++;
	}
	host = xstrndup(at, end);
	for (char *c = host; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return host;
}

char *url_public(const char *url)
{
	size_t length;
	const char *at = authority(url, &length);

	return xprintf("%.*s%s", (int)(at - url), url, at + userinfo(at, length));
}

char *urls_public(const char *text)
{
	auto_(buf) struct buf out = BUF_INIT;

	for (const char *next; *text != '\0'; text = next) {
		const char *colon = strstr(text, "://");
		const char *at = colon != NULL ? colon + 3 : text + strlen(text);
		size_t length = strcspn(at, "/?# \t\n\"'");

		next = at + userinfo(at, length);
		buf_add(&out, text, (size_t)(at - text));
	}
	return buf_steal(&out);
}

bool url_credentials(const char *url, struct buf *out)
{
	size_t length;
	const char *at = authority(url, &length);
	size_t info = userinfo(at, length);

	if (info == 0)
		return false;
	url_decode(at, info - 1, out);
	if (memchr(at, ':', info) == NULL)
		buf_add_char(out, ':');
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void url_decode(const char *text, size_t length, struct buf *out)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '%' && i + 2 < length && hex_digit(text[i + 1]) >= 0 &&
		    hex_digit(text[i + 2]) >= 0) {
			buf_add_char(out,
				     (char)(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])));
			i += 2;
		} else {
			buf_add_char(out, text[i]);
		}
	}
}

/* --- file names ---------------------------------------------------------------------------- */

/* The last component of a decoded path, if a file can be called so. */
static bool take_base(const struct buf *path, char out[FETCHED_NAME])
{
	const char *slash = memrchr(path->data, '/', path->length);
	const char *base = slash != NULL ? slash + 1 : path->data;
	size_t length = path->length - (size_t)(base - path->data);

	if (length == 0 || length >= FETCHED_NAME || memchr(base, '\0', length) != NULL ||
	    is_dot(base))
		return false;
	memcpy(out, base, length + 1);
	return true;
}

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

/* A token or quoted string, appended to out; returns what follows it. */
static const char *take_value(const char *at, struct buf *out)
{
	if (*at != '"') {
		size_t length = strcspn(at, "; \t");

		buf_add(out, at, length);
		return at + length;
	}
	for (at++; *at != '\0' && *at != '"'; at++) {
		if (*at == '\\' && at[1] != '\0')
			at++;
		buf_add_char(out, *at);
	}
	return *at == '"' ? at + 1 : at;
}

/* filename="x", or filename*=UTF-8''x (RFC 6266), which is preferred. */
static bool disposition_name(const char *at, char out[FETCHED_NAME])
{
	bool found = false, extended = false;

	at = strchr(at, ';');
	while (at != NULL && *at == ';' && !extended) {
		auto_(buf) struct buf value = BUF_INIT;
		auto_(buf) struct buf decoded = BUF_INIT;
		const char *name = skip_blanks(at + 1);
		size_t length = strcspn(name, "=; \t");
		const char *quote;

		at = skip_blanks(name + length);
		if (*at == '=')
			at = skip_blanks(take_value(skip_blanks(at + 1), &value));
		if (length == 8 && strncasecmp(name, "filename", 8) == 0) {
			found = take_base(&value, out);
		} else if (length == 9 && strncasecmp(name, "filename*", 9) == 0) {
			quote = strrchr(value.data, '\'');
			if (strncasecmp(value.data, "utf-8'", 6) != 0 || quote == NULL)
				continue;
			url_decode(quote + 1, strlen(quote + 1), &decoded);
			extended = take_base(&decoded, out);
		}
	}
	return found || extended;
}

void remote_file_name(const char *url, const char *disposition, char out[FETCHED_NAME])
{
	auto_(buf) struct buf path = BUF_INIT;
	size_t length;
	const char *at = authority(url, &length);

	at += length;
	url_decode(at, strcspn(at, "?#"), &path);
	if (take_base(&path, out) || (disposition != NULL && disposition_name(disposition, out)))
		return;
	out[0] = '\0';
}

/* --- secrets ------------------------------------------------------------------------------- */

int remote_secret(const struct fetch_options *o, const char *name, const char *host,
		  struct buf *out, struct error *err)
{
	auto_free char *id = host != NULL ? xprintf("%s_%s", name, host) : xstrdup(name);

	for (size_t i = 0; i < o->secret_count; i++) {
		const struct build_secret *secret = &o->secrets[i];
		const char *value = secret->data;
		size_t length = secret->length;

		if (strcasecmp(secret->id, id) != 0)
			continue;
		while (length > 0 && isspace((unsigned char)value[length - 1]))
			length--;
		for (size_t k = 0; k < length; k++)
			if ((unsigned char)value[k] < 0x20 || value[k] == 0x7f)
				return error_set(err, ERROR_USAGE,
						 "secret %s holds more than one line, so it is no "
						 "header or token",
						 id);
		buf_add(out, value, length);
		return 1;
	}
	return 0;
}

void basic_authorization(const char *text, struct buf *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t length = strlen(text);

	buf_add_str(out, "Basic ");
	for (size_t i = 0; i < length; i += 3) {
		uint32_t group = (uint32_t)(unsigned char)text[i] << 16;

		if (i + 1 < length)
			group |= (uint32_t)(unsigned char)text[i + 1] << 8;
		if (i + 2 < length)
			group |= (unsigned char)text[i + 2];
		buf_add_char(out, digits[group >> 18]);
		buf_add_char(out, digits[group >> 12 & 63]);
		buf_add_char(out, i + 1 < length ? digits[group >> 6 & 63] : '=');
		buf_add_char(out, i + 2 < length ? digits[group & 63] : '=');
	}
}
