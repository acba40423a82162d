// Package settings is how a function starts: it reads its settings from the environment, opens the archive's layout,
// and says how much of its time an invocation may use. Each function's own settings are a struct in its main.go; what
// several functions share is here.
//
// It knows no service: main makes the clients. Nothing has a default that names a resource.
package settings

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Lookup finds an environment variable, as os.LookupEnv does.
type Lookup func(name string) (value string, ok bool)

// Read fills the struct that into points to: each field from the variable that has the field's name, or from its tag
// `default` where the variable is absent or empty. Fields of embedded structs are read like the struct's own. A field
// is a string, a bool ("true" or "false"), an int, an int64 or a time.Duration ("1m30s").
//
// Errors: one per variable that is missing and has no default, or that holds something else, each naming it. The
// struct is not to be used then.
func Read(lookup Lookup, into any) error {
	var all []error
	for _, f := range fieldsOf(reflect.ValueOf(into).Elem()) {
		if err := f.read(lookup); err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// Names are the variables that Read reads for a struct, in the order of its fields.
func Names(of any) []string {
	var names []string
	for _, f := range fieldsOf(reflect.New(reflect.TypeOf(of)).Elem()) {
		names = append(names, f.name)
	}
	return names
}

// Name is the variable of a field: "CommitWithin" is "COMMIT_WITHIN".
func Name(field string) string {
	var b strings.Builder
	for i, c := range field {
		if i > 0 && unicode.IsUpper(c) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToUpper(c))
	}
	return b.String()
}

// field is one setting.
type field struct {
	name  string // of its variable
	tag   reflect.StructTag
	value reflect.Value
}

func fieldsOf(s reflect.Value) []field {
	var all []field
	for i := range s.NumField() {
		f := s.Type().Field(i)
		if f.Anonymous {
			all = append(all, fieldsOf(s.Field(i))...)
		} else {
			all = append(all, field{Name(f.Name), f.Tag, s.Field(i)})
		}
	}
	return all
}

func (f field) read(lookup Lookup) error {
	text, _ := lookup(f.name)
	if text == "" {
		preset, ok := f.tag.Lookup("default")
		if !ok {
			return fmt.Errorf("%s is not set: it has no default", f.name)
		}
		text = preset
	}
	if err := set(f.value, text); err != nil {
		return fmt.Errorf("%s=%q: %w", f.name, text, err)
	}
	return nil
}

func set(v reflect.Value, text string) error {
	switch into := v.Addr().Interface().(type) {
	case *string:
		*into = text
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New(`want a duration, for example "1m30s"`)
		}
		*into = d
	case *bool:
		if text != "true" && text != "false" {
			return errors.New("want true or false")
		}
		*into = text == "true"
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return errors.New("want a whole number")
		}
		*into = n
	case *int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return errors.New("want a whole number")
		}
		*into = n
	default:
		return fmt.Errorf("a %s cannot be read from a variable", v.Type())
	}
	return nil
}
