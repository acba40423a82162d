package setting

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Lookup finds an environment variable, as os.LookupEnv does.
type Lookup func(name string) (value string, ok bool)

// Variable returns the environment variable of a setting, or of any name spelled like a field: "CommitWithin" gives
// "COMMIT_WITHIN".
func Variable(setting string) string { return words(setting, '_', unicode.ToUpper) }

// Flag returns the command line flag of a setting: "CommitWithin" gives "--commit-within".
func Flag(setting string) string { return "--" + words(setting, '-', unicode.ToLower) }

func words(name string, between rune, letter func(rune) rune) string {
	var b strings.Builder
	for i, c := range name {
		if i > 0 && unicode.IsUpper(c) {
			b.WriteRune(between)
		}
		b.WriteRune(letter(c))
	}
	return b.String()
}

// Read reads settings from environment variables. A variable that is absent or empty leaves the default. A value is a
// whole number, "true" or "false", a duration such as "1m30s", or a level such as "WARN".
//
// An environment has only the variables that its function needs, so Read checks only the rules whose variables are all
// present.
//
// Errors: one line for each variable that cannot be read, else one line for each broken rule. Each line names
// variables. Retrying is useless.
func Read(lookup Lookup) (All, error) {
	s, read := Default(), map[string]bool{}
	var all []error
	fields := reflect.ValueOf(&s).Elem()
	for i := range fields.NumField() {
		name := fields.Type().Field(i).Name
		if !HasVariable(name) {
			read[name] = true
			continue
		}
		text, _ := lookup(Variable(name))
		if text == "" {
			continue
		}
		read[name] = true
		if err := parse(fields.Field(i), text); err != nil {
			all = append(all, fmt.Errorf("%s=%q: %w", Variable(name), text, err))
		}
	}
	if err := errors.Join(all...); err != nil {
		return s, err
	}
	return s, s.check(func(setting string) bool { return read[setting] }, Variable)
}

// levels holds the levels of a log, by the texts that the parameter LogLevel may have.
var levels = map[string]slog.Level{
	"DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo, "WARN": slog.LevelWarn, "ERROR": slog.LevelError,
}

// parse sets a field from the text of its variable.
func parse(v reflect.Value, text string) error {
	switch into := v.Addr().Interface().(type) {
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New(`must be a duration, for example "1m30s"`)
		}
		*into = d
	case *bool:
		if text != "true" && text != "false" {
			return errors.New("must be true or false")
		}
		*into = text == "true"
	case *slog.Level:
		level, ok := levels[text]
		if !ok {
			return errors.New("must be DEBUG, INFO, WARN or ERROR")
		}
		*into = level
	default:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return errors.New("must be a whole number")
		}
		v.SetInt(n)
	}
	return nil
}
