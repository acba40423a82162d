package present

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/anabranch/anabranch/shared/serving"
)

// WarningsHeader is the header of an answer whose format has no place for warnings. Its value is a JSON array of
// strings in ASCII. An answer without warnings does not have the header.
const WarningsHeader = "anabranch-warnings"

// maxHeader bounds the value of WarningsHeader, in bytes. API Gateway permits 10,240 bytes for all headers together.
const maxHeader = 4096

// NextHeader is the header of an answer whose format has no place for a cursor. Its value is the cursor of the groups
// that come next. An answer without such groups does not have the header.
const NextHeader = "anabranch-next"

// Headers returns the headers of an answer: WarningsHeader and NextHeader, where the body has neither.
func (q Query) Headers(r serving.Result) map[string]string {
	if !q.Format.rowsOnly {
		return nil
	}
	headers := map[string]string{}
	if r.Groups != nil && r.Groups.Next != "" {
		headers[NextHeader] = r.Groups.Next
	}
	if warnings := warningsOf(r); len(warnings) > 0 {
		headers[WarningsHeader] = headerOf(warnings)
	}
	if len(headers) == 0 {
		return nil
	}
	return headers
}

// headerOf returns as many of the warnings as a header holds.
func headerOf(warnings []string) string {
	value := arrayOf(warnings)
	for n := len(warnings) - 1; len(value) > maxHeader; n-- {
		more := fmt.Sprintf("%d more warnings do not fit into this header; the answer in JSON has them", len(warnings)-n)
		value = arrayOf(append(slices.Clone(warnings[:n]), more))
	}
	return value
}

// arrayOf returns texts as a JSON array in ASCII, since a header may hold nothing else.
func arrayOf(texts []string) string {
	encoded, _ := json.Marshal(texts) // strings always marshal
	var out []byte
	for _, r := range string(encoded) {
		switch {
		case r < utf8.RuneSelf:
			out = append(out, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return string(out)
}

// warningsOf returns all warnings of an answer: those of the result, and those of the question.
func warningsOf(r serving.Result) []string {
	return append(slices.Clip(r.Warnings), warningsOfSpaces(r)...)
}

// noRowForSpace is the text of a warning: the field, its value, and what may be meant, as it is and in a URL.
const noRowForSpace = "no row has %s=%.60q, which holds a space. A + in the query of a URL means a space: if you " +
	"meant %.60q, write %s=%s"

// warningsOfSpaces warns of key values that hold a space, if the answer has no row. In the query string of a URL, a +
// is a space, so ?phone=+49 asks for " 49", and ?path=/a+b for "/a b".
func warningsOfSpaces(r serving.Result) (warnings []string) {
	if len(r.Rows) > 0 {
		return nil
	}
	for _, k := range r.Program.Definition.Key {
		for _, value := range r.Selection.Key[k.Field] {
			if strings.Contains(value, " ") {
				meant := strings.ReplaceAll(value, " ", "+")
				warnings = append(warnings, fmt.Sprintf(noRowForSpace, k.Field, value, meant, k.Field,
					url.QueryEscape(meant)))
			}
		}
	}
	return warnings
}
