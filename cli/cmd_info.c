/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/table.h"
#include "layers/image.h"
#include "layers/json.h"
#include "runtime/probe.h"

#include <linux/magic.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

struct info_values {
	bool json;
};

static const struct option_spec options[] = {
	{0, "json", OPTION_FLAG, offsetof(struct info_values, json), NULL, "print JSON", NULL},
};

/* Everything that is printed. */
struct info {
	struct utsname machine;
	struct statfs disk;
	struct store_usage usage;
	struct probe_result probe;
};

static const char *file_system_name(long magic)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} known[] = {
		{EXT4_SUPER_MAGIC, "ext4"},
		{XFS_SUPER_MAGIC, "xfs"},
		{BTRFS_SUPER_MAGIC, "btrfs"},
		{TMPFS_MAGIC, "tmpfs"},
		{OVERLAYFS_SUPER_MAGIC, "overlay"},
		{NFS_SUPER_MAGIC, "nfs"},
		{F2FS_SUPER_MAGIC, "f2fs"},
		{FUSE_SUPER_MAGIC, "fuse"},
		{0x2fc12fc1, "zfs"},
		{0xca451a4e, "bcachefs"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].magic == (unsigned long)magic)
			return known[i].name;
	return "unknown";
}

static int gather(struct cli *cli, struct info *info, struct error *err)
{
	if (cli_store(cli, err) == NULL || store_usage(cli->store, &info->usage, err) < 0)
		return -1;
	if (uname(&info->machine) < 0)
		return error_sys(err, "uname");
	if (fstatfs(store_root(cli->store), &info->disk) < 0)
		return error_sys(err, "%s", cli->root_path);
	probe_run(store_root(cli->store), &info->probe);
	return 0;
}

static const char *user_text(const struct cli *cli)
{
	if (!cli->user_namespace)
		return "root";
	return cli->single_id ? "user namespace with one id" : "user namespace";
}

static uint64_t free_bytes(const struct info *info)
{
	return (uint64_t)info->disk.f_bavail * (uint64_t)info->disk.f_bsize;
}

static void print_json(const struct cli *cli, const struct info *info)
{
	auto_(json) struct json *o = json_new_object();
	struct json *store = NULL, *features;
	const char *os, *architecture, *variant;

	platform_host(&os, &architecture, &variant);
	json_add_string(o, "version", cli_version);
	json_add_string(o, "libraries", cli_libraries);
	json_add_string(o, "kernel", info->machine.release);
	json_add_string(o, "architecture", architecture);
	json_add_string(o, "user", user_text(cli));
	store = json_add_object(o, "store");
	json_add_string(store, "path", cli->root_path);
	json_add_string(store, "file_system", file_system_name((long)info->disk.f_type));
	json_add_number(store, "free_bytes", (int64_t)free_bytes(info));
	json_add_number(store, "names", (int64_t)info->usage.refs);
	json_add_number(store, "blobs", (int64_t)info->usage.blobs);
	json_add_number(store, "blob_bytes", (int64_t)info->usage.blob_bytes);
	json_add_number(store, "trees", (int64_t)info->usage.trees);
	json_add_number(store, "cache_records", (int64_t)info->usage.cache);
	json_add_number(store, "cache_mounts", (int64_t)info->usage.mounts);
	json_add_number(store, "cache_mount_bytes", (int64_t)info->usage.mount_bytes);
	features = json_add_array(o, "features");
	for (int i = 0; i < info->probe.count; i++) {
		struct json *item = json_add_object(features, NULL);

		json_add_string(item, "name", info->probe.item[i].name);
		json_add_bool(item, "ok", info->probe.item[i].ok);
		json_add_string(item, "detail", info->probe.item[i].detail);
	}
	out_json(cli->out, o);
}

static void print_table(const struct cli *cli, const struct info *info)
{
	auto_(table) struct table t = TABLE_INIT(2), features = TABLE_INIT(3);
	char size[FORMAT_SIZE];
	const char *os, *architecture, *variant;

	platform_host(&os, &architecture, &variant);
	table_add(&t, "version");
	table_printf(&t, "varve %s", cli_version);
	table_add(&t, "libraries");
	table_add(&t, cli_libraries);
	table_add(&t, "kernel");
	table_printf(&t, "%s %s, %s", info->machine.sysname, info->machine.release, architecture);
	table_add(&t, "running as");
	table_add(&t, user_text(cli));
	table_add(&t, "store");
	table_add(&t, cli->root_path);
	table_add(&t, "file system");
	table_printf(&t, "%s, %s free", file_system_name((long)info->disk.f_type),
		     size_format(free_bytes(info), size));
	table_add(&t, "image names");
	table_printf(&t, "%llu", (unsigned long long)info->usage.refs);
	table_add(&t, "blobs");
	table_printf(&t, "%llu, %s", (unsigned long long)info->usage.blobs,
		     size_format(info->usage.blob_bytes, size));
	table_add(&t, "unpacked layers");
	table_printf(&t, "%llu", (unsigned long long)info->usage.trees);
	table_add(&t, "cache records");
	table_printf(&t, "%llu", (unsigned long long)info->usage.cache);
	table_add(&t, "cache mounts");
	table_printf(&t, "%llu, %s", (unsigned long long)info->usage.mounts,
		     size_format(info->usage.mount_bytes, size));
	table_print(&t, cli->out);
	out_str(cli->out, "\n");
	for (int i = 0; i < info->probe.count; i++) {
		table_add(&features, info->probe.item[i].ok ? "yes" : "no");
		table_add(&features, info->probe.item[i].name);
		table_add(&features, info->probe.item[i].detail);
	}
	table_print(&features, cli->out);
}

static int run(struct cli *cli, void *values, int argc, char **argv, struct error *err)
{
	struct info_values *v = values;
	struct info info = {.usage = {.blobs = 0}};

	(void)argc;
	(void)argv;
	if (gather(cli, &info, err) < 0)
		return -1;
	if (v->json)
		print_json(cli, &info);
	else
		print_table(cli, &info);
	return 0;
}

const struct command cmd_info = {
	.name = "info",
	.summary = "show the store, and what this kernel and environment allow",
	.operands = "",
	COMMAND_OPTIONS(options),
	.values_size = sizeof(struct info_values),
	.run = run,
};
