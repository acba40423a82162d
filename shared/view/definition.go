package view

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/view/engine"
	"github.com/anabranch/anabranch/shared/view/expression"
)

// Name is a view's name, for example "page_views": a letter a-z, then up to 62 of a-z, 0-9 and _.
type Name string

// KeyField is one field of a key: its name in answers and queries, and the CEL expression of its value, for example
// {"path", "data.path"}. Its name has the form of a view's name.
type KeyField struct{ Field, Expr string }

// Aggregate is one number of a view: its name in answers, and its function with its argument, for example {"bytes",
// "sum(data.bytes)"}.
type Aggregate struct{ Name, Expr string }

// Architecture says what keeps a view: batch and speed together, or the stream code alone.
type Architecture string

// The architectures. That of a definition which names none is Lambda.
const (
	Lambda Architecture = ""
	Kappa  Architecture = "kappa"
)

// String is the architecture's name: "lambda" or "kappa".
func (a Architecture) String() string {
	if a == Lambda {
		return "lambda"
	}
	return string(a)
}

// Definition is what one view computes. Check, ParseText and Compile validate it.
type Definition struct {
	// The engine's version, by whose rules the definition is read; 0: engine.Current. Only ParseText returns another one,
	// from a stored text. Files have none.
	Engine int

	Name         Name
	Description  string // for people only
	Architecture Architecture
	Where        string // a CEL expression that is true for the events that count; empty: all events count
	Key          []KeyField
	// Subsets of the key fields, by name. Each is folded beside the full key, into rows of its own. The order of the names
	// within a subset means nothing.
	Rollups    [][]string
	Window     time.Duration // whole seconds that divide a day, a day, or 7 days
	Aggregates []Aggregate
}

// Hash names a definition: the first 128 bits of the SHA-256 of its Text, as 32 hexadecimal digits. Definitions with
// different meanings have different hashes. So have equal definitions under engines with different states.
type Hash string

// ErrVersion means that a definition has an engine version that this release does not run. Another release does.
var ErrVersion = engine.ErrUnknown

// definitionText is the normal form of a definition. Its bytes name items for as long as the items exist. So the
// fields, their order and the form of expressions never change without a new engine version.
type definitionText struct {
	Engine       int             `json:"engine"` // by whose rules it is read
	Name         Name            `json:"name"`
	Architecture Architecture    `json:"architecture,omitempty"`
	Where        string          `json:"where,omitempty"`
	Key          []keyFieldText  `json:"key"`
	Rollups      [][]string      `json:"rollups,omitempty"` // each in the key's order
	Window       int64           `json:"window"`            // seconds
	Aggregates   []aggregateText `json:"aggregates"`
}

type keyFieldText struct {
	Field string `json:"field"`
	Expr  string `json:"expr"`
}

type aggregateText struct {
	Name string `json:"name"`
	Expr string `json:"expr"`
}

// Text returns the normal form of d: JSON with the engine version and all of d but the description, in a fixed order,
// without spaces, and with expressions in their normal form. Two definitions with equal texts compute the same. An
// expression that does not parse stays unchanged; such a definition does not compile.
func (d Definition) Text() []byte {
	text := definitionText{
		Engine:       d.version(),
		Name:         d.Name,
		Architecture: d.Architecture,
		Where:        expression.Normal(d.Where),
		Key:          make([]keyFieldText, len(d.Key)),
		Rollups:      d.rollups(),
		Window:       int64(d.Window / time.Second),
		Aggregates:   make([]aggregateText, len(d.Aggregates)),
	}
	for i, k := range d.Key {
		text.Key[i] = keyFieldText{k.Field, expression.Normal(k.Expr)}
	}
	for i, a := range d.Aggregates {
		text.Aggregates[i] = aggregateText{a.Name, expression.NormalCall(a.Expr)}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	// The text has only strings and integers and goes to memory, so encoding cannot fail.
	_ = encoder.Encode(text)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// version is the engine's version of d.
func (d Definition) version() int { return cmp.Or(d.Engine, engine.Current) }

// rules returns the rules by which d is read. Errors: ErrVersion.
func (d Definition) rules() (engine.Rules, error) { return engine.Of(d.version()) }

// Hash returns the hash of d's Text.
func (d Definition) Hash() Hash {
	sum := sha256.Sum256(d.Text())
	return Hash(hex.EncodeToString(sum[:16]))
}

// ParseText reads only what Text wrote, so a definition has the same hash wherever it is read. The returned definition
// compiles by the rules of the text's engine version. What only a file is refused for is not checked again.
//
// Errors: ErrVersion. Any other: the text is not a definition, or its definition does not compile. Not retryable.
func ParseText(text []byte) (Definition, error) {
	d, err := parseText(text)
	if err != nil {
		return Definition{}, fmt.Errorf("parse definition text %.60q: %w", text, err)
	}
	return d, nil
}

func parseText(text []byte) (Definition, error) {
	var version struct {
		Engine int `json:"engine"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return Definition{}, err
	}
	rules, err := engine.Of(version.Engine)
	if err != nil {
		return Definition{}, err
	}
	var form definitionText
	if err := json.Unmarshal(text, &form); err != nil {
		return Definition{}, err
	}
	d := form.definition()
	if _, faults := compile(d, rules, expression.Stored, &expression.Columns{}); len(faults) > 0 {
		return Definition{}, d.problems(faults)
	}
	if normal := d.Text(); !bytes.Equal(normal, text) {
		return Definition{}, fmt.Errorf("the text is not in its normal form, which is %s", normal)
	}
	return d, nil
}

func (t definitionText) definition() Definition {
	// A window that overflows in nanoseconds is out of range, as 0 is.
	window := time.Duration(t.Window) * time.Second
	if int64(window/time.Second) != t.Window {
		window = 0
	}
	d := Definition{
		Engine: t.Engine, Name: t.Name, Architecture: t.Architecture, Where: t.Where, Rollups: t.Rollups, Window: window,
	}
	if d.Engine == engine.Current {
		d.Engine = 0
	}
	for _, k := range t.Key {
		d.Key = append(d.Key, KeyField(k))
	}
	for _, a := range t.Aggregates {
		d.Aggregates = append(d.Aggregates, Aggregate(a))
	}
	return d
}
