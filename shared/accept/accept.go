// Package accept reads the request headers in which a client weighs what it accepts: Accept and Accept-Encoding.
package accept

import (
	"iter"
	"mime"
	"strconv"
	"strings"
)

// Weights yields each member of a header with its weight, in the header's order: a media type or a coding, in lower
// case, and a weight from 0 (not accepted) to 1. It leaves out malformed members, also those with a malformed weight.
//
// Source: RFC 9110, sections 12.4.2, 12.5.1 and 12.5.3.
func Weights(header string) iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		for member := range strings.SplitSeq(header, ",") {
			name, parameters, err := mime.ParseMediaType(member)
			if err != nil {
				continue
			}
			weight, ok := 1.0, true
			if text, weighed := parameters["q"]; weighed {
				weight, ok = parseWeight(text)
			}
			if ok && !yield(name, weight) {
				return
			}
		}
	}
}

// parseWeight parses a decimal number from 0 to 1, of any length. It refuses the other forms of a number in Go, such as
// Inf and 0x1p-2.
func parseWeight(text string) (weight float64, ok bool) {
	if strings.Trim(text, "0123456789.") != "" {
		return 0, false
	}
	weight, err := strconv.ParseFloat(text, 64)
	return weight, err == nil && weight <= 1
}
