package cases

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strings"
)

// agrees reports whether a value is the one that a test expects. Numbers may have another spelling, such as 10.0 for
// 10. Of an object, only the members count that the test names.
func agrees(want, got string) bool {
	w, wantErr := decode(want)
	g, gotErr := decode(got)
	return wantErr == nil && gotErr == nil && same(w, g)
}

func decode(text string) (value any, err error) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	return value, decoder.Decode(&value)
}

func same(want, got any) bool {
	switch w := want.(type) {
	case json.Number:
		g, ok := got.(json.Number)
		return ok && sameNumber(string(w), string(g))
	case map[string]any:
		g, ok := got.(map[string]any)
		for name, value := range w {
			if member, there := g[name]; !there || !same(value, member) {
				return false
			}
		}
		return ok
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !same(w[i], g[i]) {
				return false
			}
		}
		return true
	}
	return want == got
}

// maxNumber bounds what is compared as a number: an exponent of many digits would make a number that fills the memory.
// Values have up to 77 digits.
const maxNumber = 100

func sameNumber(want, got string) bool {
	if want == got {
		return true
	}
	_, exponent, _ := strings.Cut(strings.ToLower(want), "e")
	if len(want) > maxNumber || len(exponent) > 4 {
		return false
	}
	w, isNumber := new(big.Rat).SetString(want)
	g, ok := new(big.Rat).SetString(got)
	return isNumber && ok && w.Cmp(g) == 0
}
