/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the options of `varve build`: every form that is taken or refused. */
#include "builder/syntax.h"
#include "cli/build_options.h"
#include "cli/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

/* Cases are a text and what it means, NULL if it is refused with an error that has `error`. */
struct text_case {
	const char *text, *want, *error;
};

typedef int (*render_fn)(struct arena *arena, const char *text, struct buf *out, struct error *err);

static void check(const struct text_case *cases, size_t count, render_fn render)
{
	for (size_t i = 0; i < count; i++) {
		auto_(arena) struct arena arena = ARENA_INIT;
		auto_(buf) struct buf out = BUF_INIT;
		struct error err = ERROR_INIT;
		int status = render(&arena, cases[i].text, &out, &err);
		char message[1024];

		error_format(&err, message, sizeof(message));
		if (cases[i].want != NULL) {
			if (status != 0)
				fail_msg("%s: refused: %s", cases[i].text, message);
			assert_string_equal(out.data, cases[i].want);
			assert_int_equal(err.code, ERROR_NONE);
		} else {
			if (status == 0)
				fail_msg("%s: taken as %s", cases[i].text, out.data);
			if (strstr(message, cases[i].error) == NULL)
				fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].text, message,
					 cases[i].error);
		}
	}
}
#define CHECK(cases, render) check(cases, sizeof(cases) / sizeof((cases)[0]), render)

static int render_fields(struct arena *arena, const char *text, struct buf *out, struct error *err)
{
	struct key_value *f;
	size_t count;

	if (fields_parse(arena, text, &f, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "[%s|%s|%s]", f[i].key, f[i].written,
			   f[i].value != NULL ? f[i].value : "-");
	return 0;
}

static void fields(void **state)
{
	static const struct text_case cases[] = {
		{"a=b", "[a|a|b]", NULL},
		{"a", "[a|a|-]", NULL},
		{"", "[||-]", NULL},
		{"Type=X, b =c=d", "[type|Type|X][b|b|c=d]", NULL},
		{"\"src=a,b\",c=", "[src|src|a,b][c|c|]", NULL},
		{"\"a=\"\"b\"\"\"", "[a|a|\"b\"]", NULL},
		{"a,", "[a|a|-][||-]", NULL},
		{"\"a", NULL, "does not end with a quote"},
		{"\"a\"b", NULL, "does not end with a quote"},
	};

	(void)state;
	CHECK(cases, render_fields);
}

static int render_bytes(struct arena *arena, const char *text, struct buf *out, struct error *err)
{
	uint64_t bytes;

	(void)arena;
	if (size_parse(text, &bytes, err) < 0)
		return -1;
	buf_printf(out, "%llu", (unsigned long long)bytes);
	return 0;
}

static void bytes(void **state)
{
	static const struct text_case cases[] = {
		{"0", "0", NULL},
		{"4096", "4096", NULL},
		{"1k", "1024", NULL},
		{"64m", "67108864", NULL},
		{"64M", "67108864", NULL},
		{"64mb", "67108864", NULL},
		{"64MiB", "67108864", NULL},
		{"1g", "1073741824", NULL},
		{"1.5g", "1610612736", NULL},
		{"2t", "2199023255552", NULL},
		{"12b", "12", NULL},
		{"1 g", "1073741824", NULL},
		{"", NULL, ""},
		{"g", NULL, ""},
		{"-1", NULL, ""},
		{"1x", NULL, ""},
		{"1ib", NULL, ""},
		{"1kk", NULL, ""},
		{"1e9", NULL, ""},
		{"0x10", NULL, ""},
		{"1.2.3", NULL, ""},
		{"nan", NULL, ""},
		{"99999999999999999999", NULL, ""},
		{"9000p", NULL, ""},
	};

	(void)state;
	CHECK(cases, render_bytes);
}

static int render_host(struct arena *arena, const char *text, struct buf *out, struct error *err)
{
	struct build_arg h;

	if (host_parse(arena, text, &h, err) < 0)
		return -1;
	buf_printf(out, "%s is %s", h.name, h.value);
	return 0;
}

static void hosts(void **state)
{
	static const struct text_case cases[] = {
		{"db:10.0.0.2", "db is 10.0.0.2", NULL},
		{"db=10.0.0.2", "db is 10.0.0.2", NULL},
		{"db:::1", "db is ::1", NULL},
		{"db=[fe80::1]", "db is fe80::1", NULL},
		{"a.b-c_d:127.0.0.1", "a.b-c_d is 127.0.0.1", NULL},
		{"db", NULL, "no address"},
		{"db:", NULL, "no address"},
		{":10.0.0.2", NULL, "no name"},
		{"d b:10.0.0.2", NULL, "no host name"},
		{"db:10.0.0", NULL, "no IP address"},
		{"db:example.org", NULL, "no IP address"},
		{"db=[]", NULL, "no IP address"},
		{"db:host-gateway", NULL, "no gateway to the host"},
	};

	(void)state;
	CHECK(cases, render_host);
}

static int render_limit(struct arena *arena, const char *text, struct buf *out, struct error *err)
{
	struct build_limit l;

	if (limit_parse(arena, text, &l, err) < 0)
		return -1;
	buf_printf(out, "%s %d", l.name, l.resource == RLIMIT_NOFILE);
	for (int i = 0; i < 2; i++) {
		uint64_t value = i == 0 ? l.soft : l.hard;

		if (value == RLIM_INFINITY)
			buf_add_str(out, " none");
		else
			buf_printf(out, " %llu", (unsigned long long)value);
	}
	return 0;
}

static void limits(void **state)
{
	static const struct text_case cases[] = {
		{"nofile=1024", "nofile 1 1024 1024", NULL},
		{"nofile=1024:4096", "nofile 1 1024 4096", NULL},
		{"core=0:-1", "core 0 0 none", NULL},
		{"memlock=unlimited", "memlock 0 none none", NULL},
		{"nproc=-1:-1", "nproc 0 none none", NULL},
		{"nofile", NULL, "no value"},
		{"nofile=", NULL, "soft limit is no number"},
		{"nofile=1:", NULL, "hard limit is no number"},
		{"nofile=x", NULL, "soft limit is no number"},
		{"nofile=-2", NULL, "soft limit is no number"},
		{"nofile=2:1", NULL, "above the hard"},
		{"nofile=-1:5", NULL, "above the hard"},
		{"files=1", NULL, "no limit called files"},
		{"nofile=99999999999999999999", NULL, "soft limit is no number"},
	};

	(void)state;
	CHECK(cases, render_limit);
}

static int render_annotation(struct arena *arena, const char *text, struct buf *out,
			     struct error *err)
{
	struct build_annotation a;

	if (annotation_parse(arena, text, &a, err) < 0)
		return -1;
	buf_printf(out, "%u %s %s=%s", a.on, a.platform != NULL ? a.platform : "-", a.key, a.value);
	return 0;
}

static void annotations(void **state)
{
	static const struct text_case cases[] = {
		{"k=v", "1 - k=v", NULL},
		{"k=", "1 - k=", NULL},
		{"k=a=b:c", "1 - k=a=b:c", NULL},
		{"index:k=v", "2 - k=v", NULL},
		{"manifest,index:k=v", "3 - k=v", NULL},
		{"manifest-descriptor:k=v", "4 - k=v", NULL},
		{"index-descriptor:k=v", "8 - k=v", NULL},
		{"manifest[linux/arm64/v8]:k=v", "1 linux/arm64 k=v", NULL},
		{"index,manifest-descriptor[linux/amd64]:k=v", "6 linux/amd64 k=v", NULL},
		{"org.x:y=v", "1 - org.x:y=v", NULL},
		{"k", NULL, "no value"},
		{"=v", NULL, "no key"},
		{"index:=v", NULL, "no key"},
		{"manifest[nonsense/x]:k=v", NULL, "is no platform"},
	};

	(void)state;
	CHECK(cases, render_annotation);
}

static int render_output(struct arena *arena, const char *text, struct buf *out, struct error *err)
{
	static const char *const types[] = {"oci", "docker", "tar", "local", "image"};
	struct output_spec o = {.dest = NULL};

	if (output_parse(arena, text, &o, err) < 0)
		return -1;
	buf_printf(out, "%s %s", types[o.type], o.dest != NULL ? o.dest : "-");
	if (o.directory)
		buf_add_str(out, " directory");
	if (o.recompress)
		buf_printf(out, " %d", (int)o.compression);
	for (size_t i = 0; i < o.name_count; i++)
		buf_printf(out, " name %s", o.names[i]);
	for (size_t i = 0; i < o.annotation_count; i++)
		buf_printf(out, " %u %s=%s", o.annotations[i].on, o.annotations[i].key,
			   o.annotations[i].value);
	return 0;
}

static void outputs(void **state)
{
	static const struct text_case cases[] = {
		{"dir", "local dir", NULL},
		{"-", "tar -", NULL},
		{"type=oci,dest=a.tar", "oci a.tar", NULL},
		{"dest=a.tar,type=oci", "oci a.tar", NULL},
		{"type=oci", "oci -", NULL},
		{"type=docker,dest=-", "docker -", NULL},
		{"type=docker", "docker -", NULL},
		{"type=tar", "tar -", NULL},
		{"type=local,dest=x,mode=copy", "local x", NULL},
		{"type=local,\"dest=a,b\"", "local a,b", NULL},
		{"type=oci,tar=false,dest=x", "oci x directory", NULL},
		{"type=oci,tar=true,dest=x", "oci x", NULL},
		{"type=image,name=a", "image - name a:latest", NULL},
		{"type=image,\"name=a,b:1\",push=false", "image - name a:latest name b:1", NULL},
		{"type=oci,dest=x,oci-mediatypes=true,force-compression=true", "oci x", NULL},
		{"type=oci,dest=x,annotation.Org.K=v", "oci x 1 Org.K=v", NULL},
		{"type=oci,dest=x,annotation-index.k=v", "oci x 2 k=v", NULL},
		{"type=oci,dest=x,annotation-manifest[linux/amd64].k=v", "oci x 1 k=v", NULL},
		{"type=oci,dest=x,annotation[linux/amd64].k=v", "oci x 1 k=v", NULL},
		{"", NULL, "dest must be a path"},
		{"type=zip,dest=x", NULL, "unknown type zip"},
		{"dest=x", NULL, "type= is missing"},
		{"type=local", NULL, "dest= is missing"},
		{"type=local,dest=-", NULL, "dest must be a path"},
		{"type=local,dest=", NULL, "dest must be a path"},
		{"type=oci,tar=false", NULL, "dest= is missing"},
		{"type=tar,tar=false,dest=x", NULL, "tar=false is for type=oci"},
		{"type=oci,tar=perhaps", NULL, "either true or false"},
		{"type=image,dest=x", NULL, "goes into the store"},
		{"type=image,name=a,push=true", NULL, "nothing is pushed"},
		{"type=image,name=UPPER", NULL, "name=UPPER"},
		{"type=image,compression=gzip", NULL, "--compression"},
		{"type=docker,compression=gzip", NULL, "is for type=oci"},
		{"type=oci,compression=lzma", NULL, "unknown compression lzma"},
		{"type=oci,compression-level=3", NULL, "compression-level is not supported"},
		{"type=oci,oci-mediatypes=false", NULL, "not supported"},
		{"type=oci,colour=red", NULL, "unknown key \"colour\""},
		{"type=local,dest=x,mode=delete", NULL, "mode=delete is not supported"},
		{"type=tar,dest=x,name=a", NULL, "name= is for images"},
		{"type=docker,dest=x,annotation.k=v", NULL, "annotations are for"},
		{"type=oci,annotation.=v", NULL, "no key"},
	};

	(void)state;
	CHECK(cases, render_output);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields), cmocka_unit_test(bytes),       cmocka_unit_test(hosts),
		cmocka_unit_test(limits), cmocka_unit_test(annotations), cmocka_unit_test(outputs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
