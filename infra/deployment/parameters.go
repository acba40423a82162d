package deployment

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/anabranch/anabranch/shared/view/spelling"
)

// Names of parameters that the package knows.
const (
	architectureParameter = "Architecture"
	issuerParameter       = "JwtIssuer"
	shardsParameter       = "Shards"
)

// ParseParameters reads parameters that are given as Name=value, for example "Slot=5m".
func ParseParameters(given []string) (map[string]string, error) {
	all := map[string]string{}
	for _, text := range given {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("invalid parameter %q: must be Name=value, for example Slot=5m", text)
		}
		if strings.ContainsAny(value, `"\`) {
			return nil, fmt.Errorf("invalid parameter %s=%s: must not hold quotes or backslashes", name, value)
		}
		if other, twice := all[name]; twice && other != value {
			return nil, fmt.Errorf("parameter %s is given twice: %s and %s", name, other, value)
		}
		all[name] = value
	}
	return all, nil
}

// readDefaults returns the parameters of a template with their defaults.
func readDefaults(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	var t struct {
		Parameters map[string]struct {
			Default any `yaml:"Default"`
		} `yaml:"Parameters"`
	}
	if err := yaml.Unmarshal(text, &t); err != nil {
		return nil, fmt.Errorf("read template %s: %w", file, err)
	}
	all := map[string]string{}
	for name, p := range t.Parameters {
		all[name] = fmt.Sprint(p.Default)
	}
	return all, nil
}

// checkGiven checks that the template has the given parameters.
func checkGiven(given, defaults map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, ok := defaults[name]; ok {
			continue
		}
		known := slices.Sorted(maps.Keys(defaults))
		if near := spelling.Nearest(name, known); near != "" {
			return fmt.Errorf("unknown parameter %s: did you mean %s?", name, near)
		}
		return fmt.Errorf("unknown parameter %s: must be one of %s", name, strings.Join(known, ", "))
	}
	return nil
}

// merge returns the value that each parameter will have: the given one, else that of the stack, else the default.
func merge(defaults, stack, given map[string]string) map[string]string {
	all := maps.Clone(defaults)
	for name, value := range stack {
		if _, ok := defaults[name]; ok {
			all[name] = value
		}
	}
	maps.Copy(all, given)
	return all
}

// overrides formats given parameters for sam. CloudFormation keeps the values of the others, or takes their defaults in
// a new stack.
//
// Source: aws-sam-cli, DeployContext.merge_parameters and Deployer.create_changeset: UsePreviousValue.
func overrides(given map[string]string) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		all = append(all, fmt.Sprintf(`%s="%s"`, name, given[name]))
	}
	return all
}
