package present

import (
	"io"

	"github.com/anabranch/anabranch/shared/accept"
	"github.com/anabranch/anabranch/shared/serving"
)

// Format is a way to present a result. The zero Format is invalid.
type Format struct {
	Name        string // value of the parameter format, for example "csv"
	ContentType string
	mediaType   string // media type in the Accept header
	rowsOnly    bool   // the format has no total and no warnings
	present     func(w tagged, r serving.Result, parts bool) (rows int, err error)
}

// formats returns all formats. The first is the default.
func formats() []Format {
	return []Format{
		{Name: "json", ContentType: "application/json", mediaType: "application/json", present: presentJSON},
		{
			Name: "csv", ContentType: "text/csv; charset=utf-8; header=present", mediaType: "text/csv", rowsOnly: true,
			present: presentCSV,
		},
		{
			Name: "ndjson", ContentType: "application/x-ndjson", mediaType: "application/x-ndjson", rowsOnly: true,
			present: presentLines,
		},
	}
}

// Present writes a result as the body of an answer, a row at a time. It returns how many rows w took, and the value of
// the header ETag: a weak tag of what is presented, without its lag. Errors: those of w. What w has then is no answer.
func (q Query) Present(w io.Writer, r serving.Result) (rows int, tag string, err error) {
	r.Warnings = warningsOf(r)
	body := q.newTagged(w, r)
	rows, err = q.Format.present(body, r, q.Parts)
	return rows, body.tag(), err
}

func formatOf(name string) (Format, bool) {
	for _, f := range formats() {
		if f.Name == name {
			return f, true
		}
	}
	return Format{}, false
}

func formatNames() []string {
	var names []string
	for _, f := range formats() {
		names = append(names, f.Name)
	}
	return names
}

// accepted returns the format that an Accept header prefers. It returns the first format when the header names none of
// ours or is malformed: a client that asks for an unknown format is better served by JSON than by an error.
//
// Source: RFC 9110, section 12.5.1.
func accepted(header string) Format {
	all := formats()
	best, most := all[0], 0.0
	for mediaType, weight := range accept.Weights(header) {
		for _, f := range all {
			if f.mediaType == mediaType && weight > most {
				best, most = f, weight
			}
		}
	}
	return best
}
