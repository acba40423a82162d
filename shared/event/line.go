package event

// AppendLine appends the line that archive and stream keep for an event: its compacted JSON (Accepted.JSON) with the
// stamp as last member, and a line end. This format never changes, since archived events keep it:
//
//	{"specversion":"1.0","id":"a","source":"/s","type":"t","stamp":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N-17"}
//
// Source: docs/design.md 2, line.
func AppendLine(dst, compact []byte, stamp Stamp) []byte {
	dst = append(dst, compact[:len(compact)-1]...)
	dst = append(dst, stampMember...)
	dst = stamp.Append(dst)
	return append(dst, lineEnd...)
}

// The text around the stamp of a line.
const (
	stampMember = `,"stamp":"`
	lineEnd     = "\"}\n"
)
