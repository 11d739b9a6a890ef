/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminal COLUMNS ROWS [-i TEXT] [-r TEXT COLUMNS] COMMAND...
 *
 * Runs a command in a pty of that size and prints what a terminal would have shown, then a line
 * about the terminal's state. -i types Ctrl-C when TEXT comes out, -r changes the width then.
 */
#include "common/fd.h"
#include "tests/terminal_box.h"

#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

struct plan {
	const char *interrupt, *resize;
	int columns;
};

/* Whether text has come out, also in two pieces. */
static bool seen(const struct buf *recent, const char *text)
{
	return text != NULL && memmem(recent->data, recent->length, text, strlen(text)) != NULL;
}

static void react(struct plan *plan, struct terminal *t, int master, struct buf *recent)
{
	enum { KEEP = 4096 };

	if (seen(recent, plan->interrupt)) {
		plan->interrupt = NULL;
		if (write(master, "\003", 1) != 1)
			perror("Ctrl-C");
	}
	if (seen(recent, plan->resize)) {
		struct winsize size = {.ws_col = (unsigned short)plan->columns,
				       .ws_row = (unsigned short)t->rows};

		plan->resize = NULL;
		t->columns = plan->columns;
		ioctl(master, TIOCSWINSZ, &size);
	}
	if (recent->length > KEEP) {
		memmove(recent->data, recent->data + recent->length - KEEP, KEEP);
		buf_truncate(recent, KEEP);
	}
}

static void watch(struct plan *plan, struct terminal *t, int master)
{
	auto_(buf) struct buf recent = BUF_INIT;
	char chunk[4096];
	ssize_t n;

	/* EIO: the last process that had it open is gone. */
	while ((n = read(master, chunk, sizeof(chunk))) > 0) {
		terminal_feed(t, chunk, (size_t)n);
		buf_add(&recent, chunk, (size_t)n);
		react(plan, t, master, &recent);
	}
}

int main(int argc, char **argv)
{
	struct plan plan = {.interrupt = NULL};
	struct winsize size = {.ws_col = 80};
	auto_(buf) struct buf text = BUF_INIT;
	struct terminal t;
	int at = 3, master, status;
	pid_t child;

	if (argc < 4)
		return 2;
	size.ws_col = (unsigned short)atoi(argv[1]);
	size.ws_row = (unsigned short)atoi(argv[2]);
	for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
		if (strcmp(argv[at], "-i") == 0)
			plan.interrupt = argv[at + 1];
		else
			plan.resize = argv[at + 1], plan.columns = atoi(argv[at++ + 2]);
	}
	child = forkpty(&master, NULL, NULL, &size);
	if (child == 0) {
		execvp(argv[at], argv + at);
		_exit(127);
	}
	if (child < 0)
		return 2;
	terminal_init(&t, size.ws_col, size.ws_row);
	watch(&plan, &t, master);
	waitpid(child, &status, 0);
	terminal_text(&t, &text);
	printf("%s-- cursor %s, %u frames, %u odd, %u colours, status %d\n", text.data,
	       t.hidden ? "hidden" : "visible", t.frames, t.odd, t.colored,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	terminal_release(&t);
	close(master);
	return 0;
}
