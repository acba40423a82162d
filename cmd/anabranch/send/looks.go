package send

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

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
	how  func(name, cat string, start []byte) string
}

// forms are what users send, the first that fits wins. cat writes the plain text of the file.
var forms = []form{
	{begins("\xff\xfe\x00\x00", "\x00\x00\xfe\xff"), "UTF-32 text", pipe("iconv -f UTF-32 -t UTF-8")},
	{begins("\xff\xfe", "\xfe\xff"), "UTF-16 text", pipe("iconv -f UTF-16 -t UTF-8")},
	{hasNULs(1, 3), "UTF-16 text", pipe("iconv -f UTF-16LE -t UTF-8")},
	{hasNULs(0, 2), "UTF-16 text", pipe("iconv -f UTF-16BE -t UTF-8")},
	{begins("\x1e"), "a JSON text sequence (RFC 7464)", pipe(`tr -d '\036' | jq -c .`)},
	{begins("PK\x03\x04"), "a ZIP archive, or a workbook of a spreadsheet program", say(
		"unpack it, or save the sheet as CSV, and send what is in it")},
	{begins("7z\xbc\xaf"), "a 7-Zip archive", say("unpack it, and send the files in it")},
	{isTar, "a tar archive", pipe("tar -xOf -")},
	{begins("\x1f\x8b"), "gzip within the packed file", pipe("gzip -dc")},
	{begins("BZh"), "a file of bzip2", pipe("bunzip2 -c")},
	{begins("\xfd7zXZ\x00"), "a file of xz", pipe("xz -dc")},
	{begins("\x04\"M\x18"), "a file of lz4", pipe("lz4 -dc")},
	{begins("\xff\x06\x00\x00sNaPpY"), "a file of Snappy", say("unpack it, or pack it with gzip or zstd instead")},
	{begins("PAR1"), "Parquet", say(export)},
	{begins("Obj\x01"), "Avro", say(export)},
	{begins("ORC\n", "ORC\x08", "ORC\x10"), "ORC", say(export)},
	{begins("SQLite format 3\x00"), "a SQLite database", say(export)},
	{begins("%PDF-"), "a PDF", say(export)},
	{isOldText, "text that is not UTF-8", pipe("iconv -f WINDOWS-1252 -t UTF-8")},
	{isBinary, "binary data", say(export)},
	{begins(`"{\"`), "JSON within strings", pipe("jq -c fromjson")},
	{opens('['), "a JSON array", pipe("jq -c '.[]'")},
	{isAround, "an object around an array", func(_, cat string, start []byte) string {
		member := around.FindSubmatch(start)[1]
		return cat + " | jq -c " + quoted(`.["`+string(member)+`"][]`) + " | anabranch send -"
	}},
	{isFollowedBy('{'), "several objects on a line", pipe("jq -c .")},
	{isFollowedBy(','), "objects with commas between them", pipe(`sed 's/,[[:space:]]*$//'`)},
	{isPretty, "JSON over several lines", pipe("jq -c .")},
	{isEvent, "", say("")},
	{opens('{'), "lines of JSON that are no CloudEvents: the first has no specversion", wrap("jq -cn", "$e")},
	{opens('<'), "XML or HTML", say("write each element as one CloudEvent in JSON, on a line of its own")},
	{isServerSent, "server-sent events", pipe(`sed -n 's/^data: *//p'`)},
	{isColumns(","), "CSV", wrap("mlr --icsv --ojsonl cat | jq -cn", "$e")},
	{isColumns(";"), "CSV with semicolons", wrap("mlr --icsv --ifs ';' --ojsonl cat | jq -cn", "$e")},
	{isColumns("\t"), "columns with tabs", wrap("mlr --itsv --ojsonl cat | jq -cn", "$e")},
	{func([]byte) bool { return true }, "lines of text", wrap("jq -cnR", "{line: $e}")},
}

const export = "export its records as lines of JSON, and send those"

// looksLike looks at the start of a text. It knows only what it shows: the text may hold other things further on.
func looksLike(name, cat string, start []byte) Looks {
	start = bytes.TrimPrefix(start, []byte(byteOrderMark))
	for _, f := range forms {
		if f.is(start) {
			return Looks{f.like, f.how(name, cat, start)}
		}
	}
	return Looks{}
}

func say(text string) func(name, cat string, start []byte) string {
	return func(string, string, []byte) string { return text }
}

func pipe(through string) func(name, cat string, start []byte) string {
	return func(_, cat string, _ []byte) string { return cat + " | " + through + " | anabranch send -" }
}

// wrap makes an event of each input of jq. Its id is its number, so that it is the same whenever the file is sent.
func wrap(through, data string) func(name, cat string, start []byte) string {
	return func(name, cat string, _ []byte) string {
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
