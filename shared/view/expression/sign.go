package expression

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/anabranch/anabranch/shared/view/spelling"
)

// unknownSign says what to write instead of a sign that CEL does not have. source is the expression from the sign on.
func unknownSign(sign string, source []rune) string {
	if len(source) > 0 {
		if text := lookalike(source[0]); text != "" {
			return text
		}
	}
	switch {
	case sign == "=":
		return `"=" is not an operator; write == to compare`
	case sign == "=~" || sign == "~":
		return fmt.Sprintf(`%q is not an operator; write for example data.path.matches("^/a")`, sign)
	case sign == "^":
		return `"^" is not an operator; multiply, as in data.a * data.a`
	case sign == "$":
		return `"$" is not part of CEL; write a path without it, such as data.path`
	case sign == "#":
		return `"#" is not part of CEL; a comment in an expression begins with //`
	case sign == "&" || sign == "|":
		return fmt.Sprintf("%q is not an operator; write %s", sign, sign+sign)
	case strings.HasPrefix(sign, `"`) || strings.HasPrefix(sign, "'"):
		return fmt.Sprintf("the string %s has no end or an invalid escape; "+
			"close it with the quote it began with, and write a backslash as \\\\", spelling.Shorten(sign))
	}
	return fmt.Sprintf("%q is not part of CEL; remove it, or put text in quotes", spelling.Shorten(sign))
}

// lookalikes are signs that text programs put in the place of others.
var lookalikes = map[rune]struct{ name, instead string }{
	0x00a0:   {"a no-break space", "an ordinary space"},
	0x2007:   {"a figure space", "an ordinary space"},
	0x202f:   {"a narrow no-break space", "an ordinary space"},
	0x3000:   {"an ideographic space", "an ordinary space"},
	'\u201c': {"a typographic quote", `"`},
	'\u201d': {"a typographic quote", `"`},
	'\u201e': {"a typographic quote", `"`},
	'\u00ab': {"a typographic quote", `"`},
	'\u00bb': {"a typographic quote", `"`},
	'\u2018': {"a typographic quote", "'"},
	'\u2019': {"a typographic quote", "'"},
	'\u2010': {"a typographic hyphen", "-"},
	'\u2011': {"a typographic hyphen", "-"},
	'\u2013': {"a dash", "-"},
	'\u2014': {"a dash", "-"},
	'\u2212': {"a minus sign", "-"},
	'\u00d7': {"a multiplication sign", "*"},
	'\u00f7': {"a division sign", "/"},
	'\u2264': {"a sign", "<="},
	'\u2265': {"a sign", ">="},
	'\u2260': {"a sign", "!="},
	'\u2227': {"a sign", "&&"},
	'\u2228': {"a sign", "||"},
}

// lookalike names a sign that looks like another one or like nothing, and says what to write; empty: it is neither.
func lookalike(c rune) string {
	if known, ok := lookalikes[c]; ok {
		return fmt.Sprintf("%s (%U) stands here; write %s", known.name, c, known.instead)
	}
	switch {
	case c >= 0xff01 && c <= 0xff5e:
		return fmt.Sprintf("a full-width sign (%U) stands here; write %c", c, c-0xfee0)
	case unicode.IsSpace(c):
		return fmt.Sprintf("an unusual space (%U) stands here; write an ordinary space", c)
	case !unicode.IsPrint(c):
		return fmt.Sprintf("an invisible character (%U) stands here; remove it", c)
	}
	return ""
}

// fieldLike finds what somebody may have meant as a field below data: with keywords, hyphens, signs,
// letters beyond ASCII and leading digits.
var fieldLike = regexp.MustCompile(`\bdata((?:\.[\pL\pM\w$@#-]+)+)`)

// misreadField says how to write the field around a syntax error; text is empty when none is there. from is where the
// field begins, in characters.
func misreadField(source string, at int) (from int, text string) {
	for _, found := range fieldLike.FindAllStringSubmatchIndex(source, -1) {
		begin, end := len([]rune(source[:found[0]])), len([]rune(source[:found[1]]))
		if at < begin || at > end {
			continue
		}
		steps := strings.Split(source[found[2]+1:found[3]], ".")
		path := written(append([]string{dataAttribute}, steps...))
		if path == source[found[0]:found[1]] {
			return 0, ""
		}
		return begin, fmt.Sprintf("CEL does not read %s as a field; write %s",
			spelling.Shorten(source[found[0]:found[1]]), spelling.Shorten(path))
	}
	return 0, ""
}
