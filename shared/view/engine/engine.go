// Package engine says what a definition means: which rules each version of the engine has.
//
// The text of a stored definition names its version. The rules are chosen once, when the text is compiled. Two versions
// exist at a time: the newest, which every deployed file gets, and the one before, by which the generations that were
// built before a deployment go on until they are dropped. A release that adds a version drops the rules of the one
// before the previous one, so the table never has more than two rows.
//
// Whatever changes the value of an event, the number of a window, the text of a key, or what is skipped is a new row.
// The golden vectors of each version hold the rows.
//
// Source: docs/design.md, section 4.1.
package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/aggregate"
)

// The versions that this release runs.
const (
	Current  = 2
	Previous = Current - 1
)

// Rules are what one version says about events. The zero fields are today's rules.
type Rules struct {
	Version int

	Numbers        aggregate.Limit // the numbers that aggregates count
	Weeks          time.Duration   // where week 0 begins, from the Unix epoch on
	WrittenKeys    bool            // a number in a key keeps its spelling, so that 404 and 404.0 are two keys
	BareExtensions bool            // a name alone is an extension attribute: tenant, now written ext.tenant
	PlainMissing   bool            // a field missing since data is a string of JSON has no reason of its own
}

const day = 24 * time.Hour

// table has the rules of the versions that this release runs.
var table = [...]Rules{
	{
		Version: Previous,
		Numbers: aggregate.Limit{Whole: 20, Decimals: 18},
		Weeks:   0, // Thursday 1970-01-01

		WrittenKeys:    true,
		BareExtensions: true,
		PlainMissing:   true,
	},
	{
		Version: Current,
		Weeks:   4 * day, // Monday 1970-01-05; ISO 8601: weeks begin on Monday
	},
}

// ErrUnknown means that this release does not run a version. Retrying does not help; another release does.
var ErrUnknown = errors.New("unknown engine version")

// Of returns the rules of a version.
//
// Errors: ErrUnknown, with what to do.
func Of(version int) (Rules, error) {
	for _, rules := range table {
		if rules.Version == version {
			return rules, nil
		}
	}
	todo := "a newer release wrote the definition; deploy all functions at that release"
	if version < Previous {
		todo = "an older release wrote the definition; deploy the release that runs it and one newer version, " +
			"let its views be built anew there, and deploy this release once no generation of the old version is kept"
	}
	return Rules{}, fmt.Errorf("%w: the text has engine %d; this release runs %d and %d: %s", ErrUnknown, version,
		Previous, Current, todo)
}

// Newest returns the rules of a deployed file.
func Newest() Rules { return table[len(table)-1] }
