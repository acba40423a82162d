package deployment

import (
	"fmt"

	"github.com/anabranch/anabranch/shared/setting"
)

// checkChange refuses a change of settings during which a mix of old and new values would break a rule: while a stack
// is updated, functions of both releases run.
func checkChange(s Stack, defaults, values map[string]string) error {
	if s.isNew() {
		return nil
	}
	before, err := setting.ReadParameters(merge(defaults, s.Parameters, nil))
	if err != nil {
		return nil // functions with these settings do not start, so nothing is mixed, and any valid settings are better
	}
	after, err := setting.ReadParameters(values)
	if err != nil {
		return err
	}
	if err := setting.CheckChange(before, after, func(name string) string { return name }); err != nil {
		return fmt.Errorf("stack %s runs while it is updated:\n%w", s.Name, err)
	}
	return nil
}
