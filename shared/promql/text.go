package promql

import (
	"regexp/syntax"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/strutil"
)

// Limits of a text, beside its length. The parser's time grows with the square of the number of tokens, and it compiles
// regular expressions while it reads.
const (
	mostTokens = 2_000
	mostStates = 20_000 // of a regular expression, whose repetitions are written out
)

// checkText refuses an expression, or a selector, that would take long to be read. It leaves errors of syntax to the
// parser. Error: *Refusal.
func (b Bounds) checkText(text string) error {
	if len(text) > b.Text {
		return refuse("the expression has %d bytes; the maximum is %d", len(text), b.Text)
	}
	lexer, item := parser.Lex(text), parser.Item{}
	for tokens := 0; ; tokens++ {
		lexer.NextItem(&item)
		switch {
		case item.Typ == parser.EOF || item.Typ == parser.ERROR:
			return nil
		case tokens == mostTokens:
			return refuse("the expression has more than %d tokens, the maximum", mostTokens)
		case item.Typ == parser.STRING && statesOfText(item.Val) > mostStates:
			return refuse("the regular expression %.40s... repeats too much: it has more than %d states, the maximum", item.Val,
				mostStates)
		}
	}
}

// statesOfText returns the states of a quoted text as a regular expression; 0 if it is none.
func statesOfText(quoted string) int {
	text, err := strutil.Unquote(quoted)
	if err != nil {
		return 0
	}
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return 0
	}
	return statesOf(re)
}

// statesOf returns about how many states a regular expression has; any number above mostStates stands for more.
func statesOf(re *syntax.Regexp) int {
	states := 1 + len(re.Rune)
	for _, inner := range re.Sub {
		states = min(states+statesOf(inner), mostStates+1)
	}
	if re.Op == syntax.OpRepeat {
		states *= max(1, re.Min, re.Max)
	}
	return min(states, mostStates+1)
}
