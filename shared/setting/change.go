package setting

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// CheckChange checks that a deployment may change the settings before into the settings after. While it goes on,
// functions of both releases run, so every rule must hold for every mix of old and new values: the SealDelay of an old
// batch must cover the CommitWithin of a new ingest. CheckChange assumes that both pass Check. It names each setting as
// spell does.
//
// Errors: one line for each rule that some mix breaks, with the settings to change one after the other. Retrying is
// useless.
func CheckChange(before, after All, spell func(setting string) string) error {
	var all []error
	for _, r := range Rules() {
		if message := r.checkMixes(before, after); message != "" {
			var changed []string
			for _, name := range r.Settings {
				if field(&before, name).Interface() != field(&after, name).Interface() {
					changed = append(changed, name)
				}
			}
			all = append(all, errors.New(r.respell(fmt.Sprintf(
				"%s: must not change in one deployment, since functions of both releases run at once; change one of them "+
					"first, in a deployment of its own. A mix of old and new values would have %s",
				strings.Join(changed, " and "), message,
			), spell)))
		}
	}
	return errors.Join(all...)
}

// checkMixes returns what is wrong with the first mix of old and new values that breaks the rule; "" if none does.
func (r Rule) checkMixes(before, after All) string {
	for mix := 1; mix < 1<<len(r.Settings)-1; mix++ { // bit i set: setting i is old
		mixed := after
		for i, name := range r.Settings {
			if mix>>i&1 == 1 {
				field(&mixed, name).Set(field(&before, name))
			}
		}
		if message := r.check(mixed); message != "" {
			return message
		}
	}
	return ""
}

func field(s *All, name string) reflect.Value { return reflect.ValueOf(s).Elem().FieldByName(name) }
