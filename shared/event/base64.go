package event

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
)

// JSON may arrive in data_base64, from SDKs that hand on every payload as bytes. CloudEvents means the same by it as by
// data, so ingest archives it as data: then every path in a view finds it, in all layers alike.

// decodeData decodes the event's data_base64 if it holds JSON. If datacontenttype promises JSON and it holds none, the
// event is rejected. Without datacontenttype it may hold anything; what is no JSON stays as it is, and so does what
// holds nothing.
//
// Source: CloudEvents 1.0.2, JSON Event Format, section 3.1.
func (s *scanner) decodeData() {
	e := &s.event.envelope
	if s.event.code != "" || len(e.encoded) == 0 || e.contentType != nil && !isJSONType(e.contentType) {
		return
	}
	text, err := base64.StdEncoding.DecodeString(string(e.encoded))
	var code Code
	var detail string
	if err != nil { // cannot happen: isBase64 has looked at it
		code, detail = InvalidAttribute, err.Error()
	} else {
		s.event.decoded, code, detail = s.payload(text)
	}
	if code != "" && e.contentType != nil {
		s.reject(s.event.start, code, "/data_base64", fmt.Sprintf(
			"datacontenttype says that data_base64 holds JSON, but decoded it is not valid: %s", detail))
	}
}

// payload validates the decoded data like data in the event itself, within what the event leaves of the limits, and
// returns it compacted; else the fault.
func (s *scanner) payload(text []byte) (data []byte, code Code, detail string) {
	p := scanner{text: text[:len(text):len(text)], isPayload: true, limits: s.limits, shape: newShape(s.limits.Depth)}
	p.limits.Depth--
	p.outer.tokens, p.outer.members = s.event.tokens, s.event.members
	end := p.value(afterSpace(text, 0))
	if end >= 0 {
		if after := afterSpace(text, end); after < len(text) {
			end = p.fail(after, "nothing after the JSON value")
		}
	}
	switch {
	case end < 0:
		return nil, MalformedJSON, fmt.Sprintf("byte %d: need %s, got %s", p.broken.at, p.broken.need, got(text, p.broken.at))
	case p.event.code != "":
		return nil, p.event.code, strings.TrimPrefix(p.event.pointer+": ", ": ") + p.event.detail
	}
	return p.compacted(end), "", ""
}

// isJSONType reports whether a content type is one of JSON, such as application/json or application/geo+json.
//
// Source: CloudEvents 1.0.2, JSON Event Format, section 3.1; RFC 6838, section 4.2.8.
func isJSONType(contentType []byte) bool {
	media, _, _ := bytes.Cut(contentType, []byte(";"))
	_, subtype, _ := strings.Cut(strings.ToLower(string(bytes.TrimSpace(media))), "/")
	return subtype == "json" || strings.HasSuffix(subtype, "+json")
}

// withData returns an event's compacted text with the member data in place of data_base64.
func withData(event, data []byte) []byte {
	for i := 1; i < len(event); i++ {
		name := pastString(event, i)
		value := name + 1
		end := pastAny(event, value)
		if text := event[i+1 : name-1]; attributeOf(appendUnescaped(nil, text)) == dataBase64 {
			out := make([]byte, 0, len(event)-(end-i)+len(`"data":`)+len(data))
			out = append(append(out, event[:i]...), `"data":`...)
			return append(append(out, data...), event[end:]...)
		}
		i = end // the comma
	}
	return event // cannot happen: the event has the member
}

// pastAny returns the index after the value at i.
func pastAny(text []byte, i int) int {
	if text[i] == '"' {
		return pastString(text, i)
	}
	return pastValue(text, i)
}
