package setting

import (
	"fmt"
	"reflect"
	"strings"
)

// parameterUnits are the units of parameters of the template that hold a plain number for a duration.
var parameterUnits = map[string]string{"BatchEvery": "m", "StreamRetention": "h"}

// ReadParameters returns the settings that the functions of a stack read from the parameters of its template, by name.
// It checks the rules between them.
//
// Errors: as Read, but each line names parameters. Retrying is useless.
func ReadParameters(values map[string]string) (All, error) {
	variables, names := map[string]string{}, []string{}
	for i := range reflect.TypeFor[All]().NumField() {
		name := reflect.TypeFor[All]().Field(i).Name
		if value, ok := values[name]; ok && HasVariable(name) {
			variables[Variable(name)] = value + parameterUnits[name]
			names = append(names, Variable(name), name)
		}
	}
	s, err := Read(func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	})
	if err != nil {
		return s, fmt.Errorf("invalid parameters:\n%s", strings.NewReplacer(names...).Replace(err.Error()))
	}
	return s, nil
}
