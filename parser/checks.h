/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which findings are shown. Private to parser/.
 */
#ifndef PARSER_CHECKS_H
#define PARSER_CHECKS_H

#include "parser/rule.h"

enum {
	FINDING_MAX = 20000, /* kept for dockerfile_set_checks() */
	CHECKS_UNKNOWN = 16, /* names in one directive that are reported */
};

struct slice {
	const char *text;
	size_t length;
};

/* What "# check=" says; the sets have a bit for each rule. */
struct checks {
	uint64_t skip, experimental;
	bool skip_all, experimental_all, error;
};
_Static_assert(RULE_COUNT <= 64, "a set of rules is one uint64_t");

struct checks_unknown {
	struct slice names[CHECKS_UNKNOWN];
	size_t count;
};

/* A diagnostic of a rule, whether it is shown or not. */
struct finding {
	enum rule rule;
	struct diag diag;
};

/* Shows the findings whose rules are on, and no others. */
void diag_filter(struct dockerfile *df);

/* checks.c */
int checks_parse(struct slice text, struct checks *out, struct checks_unknown *unknown,
		 struct error *err);
void checks_directive(struct dockerfile *df, struct span value);
/* Reports unknown rules in the comments above instructions. */
void checks_comments(struct dockerfile *df);
bool checks_allow(const struct dockerfile *df, enum rule rule, uint32_t at);

#endif
