package main

import (
	"slices"
	"strings"
)

// joinMoments joins --from, --to and --window with a following "-24h", which would otherwise be taken for a flag.
func joinMoments(args []string) []string {
	var joined []string
	for _, arg := range args {
		last := len(joined) - 1
		if last >= 0 && slices.Contains([]string{"--from", "--to", "--window"}, joined[last]) && len(arg) > 1 &&
			strings.ContainsAny(arg[1:2], "0123456789") && arg[0] == '-' {
			joined[last] += "=" + arg
			continue
		}
		joined = append(joined, arg)
	}
	return joined
}
