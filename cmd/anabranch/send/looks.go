package send

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

// Looks says what a text that is not accepted looks like, and how to send it.
type Looks struct {
	Like string // "CSV"; "" for events of which none was accepted: their reasons say why
	How  string // a command that sends it, or a sentence
}

// Unlike is a source of whose first request the server accepted no event.
type Unlike struct {
	Name  string
	Lines int // lines of it in that request
	Looks Looks
}

// unlike returns the sources that begin in a batch and of which nothing was accepted. stop is the last of them if more
// of it would follow: it is useless to send. A few lines that are events may be an accident.
func unlike(b Batch, rejected []client.Rejection) (found []Unlike, stop bool) {
	const accident = 10
	for _, begun := range b.Begun {
		accepted := begun.To - begun.From
		for _, r := range rejected {
			if r.Index >= begun.From && r.Index < begun.To {
				accepted--
			}
		}
		if accepted > 0 {
			continue
		}
		u := Unlike{begun.Name, begun.To - begun.From + begun.TooLong, looksLike(begun.Name, begun.plain, begun.start)}
		stop = stop || begun.GoesOn && (u.Looks.Like != "" || u.Lines >= accident)
		found = append(found, u)
	}
	return found, stop
}

// Stopped says that Run stopped within a source because the server accepted nothing of its first request.
type Stopped struct{ Unlike }

func (e *Stopped) Error() string {
	return fmt.Sprintf("%s: the server accepted none of the first %d lines, so send stopped there", e.Name, e.Lines)
}

// form is one thing that a text may look like.
type form struct {
	is   func(start []byte) bool
	like string
	how  func(name, cat string) string
}

// forms are what users send, the first that fits wins. cat writes the plain text of the file.
var forms = []form{
	{begins("\xff\xfe", "\xfe\xff"), "UTF-16 text", func(_, cat string) string {
		return cat + " | iconv -f UTF-16 -t UTF-8 | anabranch send -"
	}},
	{begins("PK\x03\x04"), "a ZIP archive, or a workbook of a spreadsheet program", say(
		"unpack it, or save the sheet as CSV, and send what is in it")},
	{begins("BZh"), "a file of bzip2", pipe("bunzip2 -c")},
	{begins("\xfd7zXZ\x00"), "a file of xz", pipe("xz -dc")},
	{begins("PAR1"), "Parquet", say("write its rows as lines of JSON, and send those")},
	{isBinary, "no text", say("send takes text: one CloudEvent in JSON a line, plain or packed with gzip or zstd")},
	{opens('['), "a JSON array", pipe("jq -c '.[]'")},
	{isPretty, "JSON over several lines", pipe("jq -c .")},
	{isEvent, "", say("")},
	{opens('{'), "lines of JSON that are no CloudEvents: the first has no specversion", wrap("jq -cn", "$e")},
	{opens('<'), "XML or HTML", say("write each element as one CloudEvent in JSON, on a line of its own")},
	{isColumns(","), "CSV", wrap("mlr --icsv --ojsonl cat | jq -cn", "$e")},
	{isColumns(";"), "CSV with semicolons", wrap("mlr --icsv --ifs ';' --ojsonl cat | jq -cn", "$e")},
	{isColumns("\t"), "columns with tabs", wrap("mlr --itsv --ojsonl cat | jq -cn", "$e")},
	{func([]byte) bool { return true }, "lines of text", wrap("jq -cnR", "{line: $e}")},
}

// looksLike looks at the start of a text. It knows only what it shows: the text may hold other things further on.
func looksLike(name, cat string, start []byte) Looks {
	start = bytes.TrimPrefix(start, []byte(byteOrderMark))
	for _, f := range forms {
		if f.is(start) {
			return Looks{f.like, f.how(name, cat)}
		}
	}
	return Looks{}
}

func say(text string) func(name, cat string) string {
	return func(string, string) string { return text }
}

func pipe(through string) func(name, cat string) string {
	return func(_, cat string) string { return cat + " | " + through + " | anabranch send -" }
}

// wrap makes an event of each input of jq. Its id is its number, so that it is the same whenever the file is sent.
func wrap(through, data string) func(name, cat string) string {
	return func(name, cat string) string {
		kind, _, _ := strings.Cut(filepath.Base(name), ".")
		events := fmt.Sprintf(`foreach inputs as $e (0; . + 1; `+
			`{specversion: "1.0", id: "\(.)", source: %s, type: %s, data: %s})`, plain(name), plain(kind), data)
		return fmt.Sprintf("%s | %s %s | anabranch send -", cat, through, quoted(events))
	}
}

// plain returns a text as a string of JSON, with only the characters that every shell and jq take as they are.
func plain(text string) string { return `"` + unsafe.ReplaceAllString(text, "_") + `"` }

var unsafe = regexp.MustCompile(`[^A-Za-z0-9_./:@-]`)

// quoted returns a text as one word of a shell.
func quoted(text string) string {
	if text != "" && !unsafe.MatchString(text) && text[0] != '-' {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

func begins(marks ...string) func([]byte) bool {
	return func(start []byte) bool {
		for _, mark := range marks {
			if bytes.HasPrefix(start, []byte(mark)) {
				return true
			}
		}
		return false
	}
}

func opens(c byte) func([]byte) bool {
	return func(start []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(start), []byte{c}) }
}

// isBinary says whether a text has a NUL, or is not UTF-8. Its end may be half a character.
func isBinary(start []byte) bool {
	for tail := 0; tail < utf8.UTFMax && tail <= len(start); tail++ {
		if utf8.Valid(start[:len(start)-tail]) {
			return bytes.IndexByte(start, 0) >= 0
		}
	}
	return true
}

// firstLine returns the first line that is not blank.
func firstLine(start []byte) []byte {
	line, _, _ := bytes.Cut(bytes.TrimSpace(start), []byte{'\n'})
	return bytes.TrimSpace(line)
}

// isPretty says whether the first line opens an object and does not close it, while another line follows.
func isPretty(start []byte) bool {
	line := firstLine(start)
	return opens('{')(line) && !jsontext.Value(line).IsValid() && len(line) < len(bytes.TrimSpace(start)) &&
		!bytes.HasSuffix(line, []byte{'}'})
}

// isEvent says whether the first line is an object with an attribute that only CloudEvents have.
func isEvent(start []byte) bool {
	return opens('{')(start) && bytes.Contains(firstLine(start), []byte(`"specversion"`))
}

// isColumns says whether the first two lines have the same number of separators, at least one.
func isColumns(separator string) func([]byte) bool {
	return func(start []byte) bool {
		first, rest, _ := bytes.Cut(bytes.TrimSpace(start), []byte{'\n'})
		second, _, _ := bytes.Cut(rest, []byte{'\n'})
		n := bytes.Count(first, []byte(separator))
		return n > 0 && (len(second) == 0 || bytes.Count(second, []byte(separator)) == n ||
			bytes.IndexByte(second, '"') >= 0)
	}
}
