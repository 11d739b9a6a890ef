# SPDX-License-Identifier: Apache-2.0
# The tables of RESULTS.md, from the rows and the samples of race.sh.
#
#	awk -f report.awk -v samples=DIR DIR/rows
BEGIN {
	FS = "\t"
	field["wall"] = 1
	field["cpu"] = 2
	field["peak"] = 3
	print "## Budgets\n"
	print "| workload | work | varve | budget | limit | varve / limit | | buildah | docker |"
	print "|---|---|--:|---|--:|--:|---|--:|--:|"
}

# Reads the runs of one contender, once.
function load(name,    file, line, part, n) {
	if (name in count)
		return
	file = samples "/" name
	n = 0
	while ((getline line < file) > 0) {
		split(line, part, " ")
		n++
		value[name, 1, n] = part[1] / 1000
		value[name, 2, n] = part[2] / 1000
		value[name, 3, n] = part[3] / 1024
	}
	close(file)
	count[name] = n
	sort(name, 1)
	sort(name, 2)
	sort(name, 3)
}

function sort(name, f,    i, j, v) {
	for (i = 2; i <= count[name]; i++) {
		v = value[name, f, i]
		for (j = i - 1; j > 0 && value[name, f, j] > v; j--)
			value[name, f, j + 1] = value[name, f, j]
		value[name, f, j + 1] = v
	}
}

# Milliseconds, or MiB of a peak.
function median(name, f,    n) {
	load(name)
	n = count[name]
	if (n == 0)
		return -1
	return (value[name, f, int((n + 1) / 2)] + value[name, f, int(n / 2) + 1]) / 2
}

function show(v, f) {
	if (v < 0)
		return "-"
	if (f == 3)
		return sprintf("%.1f MiB", v)
	if (v >= 1000)
		return sprintf("%.2f s", v / 1000)
	return sprintf(v >= 100 ? "%.0f ms" : "%.2f ms", v)
}

# What another builder took, and how many times what varve took that is.
function peer(race, name, f, per, ours,    v) {
	if (race == "-")
		return "-"
	v = median(race "." name, f)
	if (v < 0)
		return "-"
	v /= per
	return sprintf("%s (%.1f×)", show(v, f), v / ours)
}

{
	f = field[$3]
	ours = median($4, f)
	if (ours < 0) {
		printf "| %s | %s | - | %s | | | not measured | | |\n", $1, $2, $6
		next
	}
	ours /= $5
	floor = $8 == "-" ? 1 : median($8, f) / $9
	limit = floor * $7
	if (limit > 0)
		verdict = show(limit, f) " | " sprintf("%.2f", ours / limit) " | " \
			(ours <= limit ? "met" : "not met")
	else
		verdict = "- | - | floor not measured"
	print "| " $1 " | " $2 " | " show(ours, f) " | " $6 " | " verdict " | " \
		peer($10, "buildah", f, $5, ours) " | " peer($10, "docker", f, $5, ours) " |"
}

END {
	print "\n## Every contender\n"
	print "| race | contender | runs | wall | least, most | CPU | peak |"
	print "|---|---|--:|--:|---|--:|--:|"
	file = samples "/races"
	while ((getline line < file) > 0) {
		split(line, part, " ")
		name = part[1] "." part[2]
		load(name)
		n = count[name]
		if (n > 0 && line !~ /^scale/)
			printf "| %s | %s | %d | %s | %s, %s | %s | %s |\n", part[1], part[2], n,
				show(median(name, 1), 1), show(value[name, 1, 1], 1),
				show(value[name, 1, n], 1), show(median(name, 2), 2),
				show(median(name, 3), 3)
	}
	file = samples "/notes"
	while ((getline line < file) > 0)
		if (!(line in said)) {
			print notes++ ? "- " line : "\n- " line
			said[line] = 1
		}
}
