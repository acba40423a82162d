package present

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"github.com/anabranch/anabranch/shared/calendar"
	"github.com/anabranch/anabranch/shared/serving"
)

// presenterVersion is part of every tag. It is raised when a release presents the same result in another way.
const presenterVersion = 1

// tagged writes the body of an answer, and hashes it beside.
type tagged struct {
	io.Writer
	hash hash.Hash
}

// newTagged begins a body. The tag is bound to what was asked, the format, the presenter, the version of the time zones
// and the generation.
func (q Query) newTagged(w io.Writer, r serving.Result) tagged {
	t := tagged{w, sha256.New()}
	fmt.Fprintf(t.hash, "%d\n%s\n%s\n%s\n%s\n%q\n", presenterVersion, calendar.Version, r.Generation.ID,
		r.Generation.Definition, q.Format.Name, q.asked)
	return t
}

// Write writes a part that the tag covers.
func (t tagged) Write(part []byte) (int, error) {
	t.hash.Write(part) // never fails
	return t.Writer.Write(part)
}

// WriteAs writes a part, but hashes another text for it: the part without what changes from second to second.
func (t tagged) WriteAs(part, stable []byte) (int, error) {
	t.hash.Write(stable)
	return t.Writer.Write(part)
}

// tag returns the entity tag of what was written. It is a weak one, since the lag is no part of it.
//
// Source: RFC 9110, section 8.8.1.
func (t tagged) tag() string { return `W/"` + hex.EncodeToString(t.hash.Sum(nil)[:16]) + `"` }
