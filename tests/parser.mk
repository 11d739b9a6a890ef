# SPDX-License-Identifier: Apache-2.0
# Tests of the parser that need more than libparser.a.
$(O)/tests/test_parser_json: $(O)/cli/parse_json.o
$(O)/tests/test_parser_json: LDLIBS += $(shell $(PKGCONFIG) --libs libcjson)
