package main

import (
	"slices"
)

// joinMoments joins --from, --to and --window with a following "-24h", and --order with a following "-views". These
// would otherwise be taken for flags.
func joinMoments(args []string) []string {
	var joined []string
	for _, arg := range args {
		last := len(joined) - 1
		if last >= 0 && len(arg) > 1 && arg[0] == '-' &&
			(slices.Contains([]string{"--from", "--to", "--window"}, joined[last]) && arg[1] >= '0' && arg[1] <= '9' ||
				joined[last] == "--order" && arg[1] != '-') {
			joined[last] += "=" + arg
			continue
		}
		joined = append(joined, arg)
	}
	return joined
}
