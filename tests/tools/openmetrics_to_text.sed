# OpenMetrics to Prometheus' older text format, which `promtool check metrics` takes: names with their suffixes.
s/^# \(TYPE\|HELP\) sievefs_build /# \1 sievefs_build_info /
s/^\(# TYPE sievefs_build_info\) info$/\1 gauge/
/^# UNIT /d
/^# EOF$/d
/^# TYPE .* counter$/{
	s/ counter$/_total counter/
	h
}
/^# TYPE .* gauge$/h
/^# HELP /{
	G
	s/^# HELP \([a-z_]*\) \(.*\)\n# TYPE \1_total counter$/# HELP \1_total \2/
	s/\n.*//
}
