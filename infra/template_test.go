// Package infra_test checks that template.yaml and storage.yaml follow the rules of docs/design.md, and that every
// function may do exactly what its code does.
package infra_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// object is a mapping of a template. An intrinsic function is a mapping with one member, as in CloudFormation's JSON:
// {"Ref": "Slot"}.
type object = map[string]any

// template is a parsed template.
type template struct {
	t    testing.TB
	name string
	root object
}

// The two templates of the repository.
func application(t testing.TB) template { return readTemplate(t, "../template.yaml") }
func storage(t testing.TB) template     { return readTemplate(t, "storage.yaml") }

func readTemplate(t testing.TB, name string) template {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(file.Docs) != 1 {
		t.Fatalf("%s has %d documents, want 1", name, len(file.Docs))
	}
	root, err := valueOf(file.Docs[0].Body)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return template{t, name, root.(object)}
}

// valueOf converts a YAML value into the Go value of the same JSON.
func valueOf(node ast.Node) (any, error) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return mapping(n.Values)
	case *ast.MappingValueNode:
		return mapping([]*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		list := make([]any, len(n.Values))
		for i, v := range n.Values {
			var err error
			if list[i], err = valueOf(v); err != nil {
				return nil, err
			}
		}
		return list, nil
	case *ast.TagNode:
		return function(n)
	}
	var v any
	err := yaml.NodeToValue(node, &v)
	return v, err
}

func mapping(values []*ast.MappingValueNode) (any, error) {
	o := object{}
	for _, v := range values {
		key := strings.Trim(v.Key.String(), `"'`)
		if _, twice := o[key]; twice {
			return nil, fmt.Errorf("%s: duplicate key %q", v.GetPath(), key)
		}
		var err error
		if o[key], err = valueOf(v.Value); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// function converts "!GetAtt a.b" into {"Fn::GetAtt": ["a", "b"]}.
func function(n *ast.TagNode) (any, error) {
	v, err := valueOf(n.Value)
	if err != nil {
		return nil, err
	}
	switch name := strings.TrimPrefix(n.Start.Value, "!"); name {
	case "Ref", "Condition":
		return object{name: v}, nil
	case "GetAtt":
		resource, attribute, _ := strings.Cut(v.(string), ".")
		return object{"Fn::GetAtt": []any{resource, attribute}}, nil
	case "Sub", "If", "Equals", "Not", "And", "Split":
		return object{"Fn::" + name: v}, nil
	default:
		return nil, fmt.Errorf("unknown tag %s: add its meaning to this test", n.Start.Value)
	}
}

// at returns the value at a path, or nil.
func at(value any, path ...string) any {
	for _, name := range path {
		o, _ := value.(object)
		value = o[name]
	}
	return value
}

// resource is a resource with its logical name.
type resource struct {
	name string
	object
}

func (r resource) kind() string { return r.object["Type"].(string) }

// property returns a property of the resource, or nil.
func (r resource) property(path ...string) any {
	return at(r.object["Properties"], path...)
}

// resources returns the resources of a type, in the order of their names. The type "" means all.
func (f template) resources(kind string) []resource {
	f.t.Helper()
	var all []resource
	declared := f.root["Resources"].(object)
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		if r := (resource{name, declared[name].(object)}); kind == "" || r.kind() == kind {
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		f.t.Fatalf("%s has no %s", f.name, kind)
	}
	return all
}

// resource returns the resource with a name.
func (f template) resource(name string) resource {
	f.t.Helper()
	o, ok := at(f.root, "Resources", name).(object)
	if !ok {
		f.t.Fatalf("%s has no resource %s", f.name, name)
	}
	return resource{name, o}
}

// parameter returns the declaration of a parameter.
func (f template) parameter(name string) object {
	f.t.Helper()
	o, ok := at(f.root, "Parameters", name).(object)
	if !ok {
		f.t.Fatalf("%s has no parameter %s", f.name, name)
	}
	return o
}

// listOf returns a list as it is, and any other value as a list of one.
func listOf(value any) []any {
	if list, ok := value.([]any); ok {
		return list
	}
	return []any{value}
}

// text formats a value in one line, for messages and comparisons. It writes intrinsic functions as in YAML.
func text(value any) string {
	switch v := value.(type) {
	case object:
		if name, argument, ok := only(v); ok {
			switch name {
			case "Ref":
				return fmt.Sprint("!Ref ", argument)
			case "Fn::GetAtt":
				return fmt.Sprintf("!GetAtt %s.%s", argument.([]any)...)
			case "Fn::Sub":
				return fmt.Sprint("!Sub ", argument)
			}
		}
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, name+": "+text(v[name]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, text(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return fmt.Sprint(value)
}

func only(o object) (name string, value any, ok bool) {
	for name, value = range o {
	}
	return name, value, len(o) == 1
}

// want compares values by their text.
func want(t testing.TB, what string, got any, wanted string) {
	t.Helper()
	if text(got) != wanted {
		t.Errorf("%s is %s, want %s", what, text(got), wanted)
	}
}
