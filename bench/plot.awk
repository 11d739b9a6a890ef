# SPDX-License-Identifier: Apache-2.0
# Draws lines "X NAME MILLISECONDS" as a plot in SVG, one curve for each NAME, both axes from 0.
#
#	awk -v title=TEXT -v xlabel=TEXT -f plot.awk POINTS
BEGIN {
	width = 640; height = 400
	left = 80; right = 24; top = 44; bottom = 56
	split("#1f6fb2 #2c9c4b #c8553d #7a5ab5 #888888", colour, " ")
}

{
	if (!($2 in number))
		curve[number[$2] = ++curves] = $2
	n = ++points[$2]
	x[$2, n] = $1
	y[$2, n] = $3
	xmax = $1 > xmax ? $1 : xmax
	ymax = $3 > ymax ? $3 : ymax
}

# 1, 2 or 5 times a power of ten: about five of them up to max.
function spacing(max,    power, times) {
	power = exp(log(10) * int(log(max / 5) / log(10) - (max < 5)))
	times = max / 5 / power
	return power * (times <= 1.001 ? 1 : times <= 2.001 ? 2 : times <= 5.001 ? 5 : 10)
}

function px(v) {
	return left + v / xmax * (width - left - right)
}

function py(v) {
	return height - bottom - v / ymax * (height - top - bottom)
}

function text(at_x, at_y, anchor, what) {
	printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", at_x, at_y, anchor, what
}

function line(x1, y1, x2, y2, stroke) {
	printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", \
		x1, y1, x2, y2, stroke
}

function axes(    step, v) {
	step = spacing(ymax)
	ymax = step * int(ymax / step + 0.999)
	for (v = 0; v <= ymax * 1.0001; v += step) {
		line(left, py(v), width - right, py(v), v ? "#dddddd" : "#333333")
		text(left - 8, py(v) + 4, "end", unit(v))
	}
	step = spacing(xmax)
	for (v = 0; v <= xmax * 1.0001; v += step)
		text(px(v), height - bottom + 18, "middle", v)
	line(left, top, left, height - bottom, "#333333")
	text((left + width - right) / 2, height - 12, "middle", xlabel)
}

function unit(v) {
	return ymax >= 2000 ? v / 1000 " s" : v " ms"
}

function draw(name, c,    i) {
	printf "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", colour[c]
	for (i = 1; i <= points[name]; i++)
		printf "%.1f,%.1f ", px(x[name, i]), py(y[name, i])
	print "\"/>"
	for (i = 1; i <= points[name]; i++)
		printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", \
			px(x[name, i]), py(y[name, i]), colour[c]
	line(left + 90 * c - 70, top - 10, left + 90 * c - 50, top - 10, colour[c])
	text(left + 90 * c - 46, top - 6, "start", name)
}

END {
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\"", width, height
	print " font-family=\"sans-serif\" font-size=\"12\">"
	printf "<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n", width, height
	printf "<text x=\"%d\" y=\"20\" font-size=\"14\">%s</text>\n", left, title
	axes()
	for (i = 1; i <= curves; i++)
		draw(curve[i], i)
	print "</svg>"
}
