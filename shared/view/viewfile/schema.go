package viewfile

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/anabranch/anabranch/shared/view"
)

// Schema returns the JSON Schema of views files, for editors. It describes what can be said of a file without reading
// expressions; Parse says the rest. docs/views.schema.json is this text.
//
// Shape: JSON, indented, with a line end.
// Source: JSON Schema 2020-12.
func Schema() []byte {
	properties, required := map[string]*schema{}, []string{}
	for _, f := range fields() {
		properties[f.name] = f.schema
		if f.required {
			required = append(required, f.name)
		}
	}
	root := &schema{
		Dialect:     "https://json-schema.org/draft/2020-12/schema",
		ID:          "https://raw.githubusercontent.com/anabranch/anabranch/main/docs/views.schema.json",
		Title:       "Views of Anabranch",
		Description: "docs/views.md describes each field. anabranch views lint also checks the expressions.",
		Type:        "object",
		Properties: map[string]*schema{"views": {
			Type: "array", MinItems: 1, MaxItems: maxViews,
			Items: &schema{Type: "object", Properties: properties, Required: required, Additional: false},
		}},
		Required: []string{"views"}, Additional: false,
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(root) // only texts and numbers, and memory: it cannot fail
	return out.Bytes()
}

// schema is a part of a JSON Schema, with the keywords that views files need.
type schema struct {
	Dialect       string             `json:"$schema,omitempty"`
	ID            string             `json:"$id,omitempty"`
	Title         string             `json:"title,omitempty"`
	Description   string             `json:"description,omitempty"`
	Type          any                `json:"type,omitempty"` // a type, or a list of types
	Enum          []string           `json:"enum,omitempty"`
	Pattern       string             `json:"pattern,omitempty"`
	MinLength     int                `json:"minLength,omitempty"`
	MaxLength     int                `json:"maxLength,omitempty"`
	Items         *schema            `json:"items,omitempty"`
	MinItems      int                `json:"minItems,omitempty"`
	MaxItems      int                `json:"maxItems,omitempty"`
	UniqueItems   bool               `json:"uniqueItems,omitempty"`
	Properties    map[string]*schema `json:"properties,omitempty"`
	Names         *schema            `json:"propertyNames,omitempty"`
	Additional    any                `json:"additionalProperties,omitempty"` // false, or a schema
	MinProperties int                `json:"minProperties,omitempty"`
	MaxProperties int                `json:"maxProperties,omitempty"`
	Required      []string           `json:"required,omitempty"`
	Default       string             `json:"default,omitempty"`
	Examples      []any              `json:"examples,omitempty"`
}

// field is one field of a view in a views file.
type field struct {
	name     string
	required bool
	schema   *schema
}

// fields lists the fields of a view, in the order in which messages name them.
func fields() []field {
	name := fmt.Sprintf("^[a-z][a-z0-9_]{0,%d}$", view.MaxName-1)
	// YAML reads 5, true and 0.5 as other types than text. They are expressions all the same.
	expression := []string{"string", "number", "boolean"}
	return []field{
		{"name", true, &schema{
			Description: "The view's name in queries.", Type: "string", Pattern: name, Examples: []any{"page_views"},
		}},
		{"description", false, &schema{
			Description: "For people only.", Type: expression, MaxLength: maxExpression,
		}},
		{"architecture", false, &schema{
			Description: "What keeps the view: batch and speed together, or the stream code alone.", Type: "string",
			Enum: []string{view.Lambda.String(), view.Kappa.String()}, Default: view.Lambda.String(),
		}},
		{"where", false, &schema{
			Description: "A CEL condition on an event. Without it, all events count.", Type: []string{"string", "boolean"},
			MinLength: 1, MaxLength: maxExpression, Examples: []any{`type == "web.request" && data.status < 400`},
		}},
		{"key", true, keySchema(name, expression)},
		{"rollups", false, rollupsSchema(name)},
		{"window", true, &schema{
			Description: "The length of the windows: it divides a day, or is a day or a week.", Type: "string",
			Pattern:  `^(P[0-9.,WDTHMS]*[0-9][WDHMS]|(([0-9]+w)?([0-9]+d)?([0-9.]+(h|m|s|ms))*))$`,
			Examples: []any{"5m", "1h", "1d", "1w", "PT1H"}, MinLength: 2,
		}},
		{"aggregates", true, &schema{
			Description: "The numbers of a row, each with its function.", Type: "object", Names: &schema{Pattern: name},
			MinProperties: 1, MaxProperties: view.MaxAggregates,
			Additional: &schema{Type: "string", Pattern: `^\s*[a-z_]+\s*\(`, MaxLength: maxExpression},
			Examples:   []any{map[string]string{"views": "count()", "bytes": "sum(data.bytes)"}},
		}},
	}
}

// keySchema describes the key, whose names match a pattern and whose expressions are of some types.
func keySchema(name string, expression []string) *schema {
	return &schema{
		Description: "The fields of the key, each with the CEL expression of its value. {} gives one row per window.",
		Type:        "object", Names: &schema{Pattern: name}, MaxProperties: view.MaxKeyFields,
		Additional: &schema{Type: expression, MinLength: 1, MaxLength: maxExpression},
		Examples:   []any{map[string]string{"path": "data.path"}},
	}
}

// rollupsSchema describes the roll-ups, whose names match a pattern.
func rollupsSchema(name string) *schema {
	return &schema{
		Description: "Subsets of the key fields that are kept in rows of their own, so that a query may leave the other " +
			"fields out. [] has one row per window.",
		Type: "array", MinItems: 1, MaxItems: view.MaxRollups, UniqueItems: true,
		Items: &schema{
			Type: "array", MaxItems: view.MaxKeyFields - 1, UniqueItems: true,
			Items: &schema{Type: "string", Pattern: name},
		},
		Examples: []any{[][]string{{"status"}, {}}},
	}
}

func viewFields() []string {
	var names []string
	for _, f := range fields() {
		names = append(names, f.name)
	}
	return names
}
