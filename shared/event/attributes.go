package event

import (
	"fmt"
	"strconv"
)

// envelope holds what the scan has learned about the attributes of the current event.
type envelope struct {
	current    attribute // being read
	source, id []byte
	has        [len(required)]bool
	hasData    bool // or data_base64

	contentType, encoded []byte // text of datacontenttype and data_base64; nil: absent
}

// attribute is a member of the event that has a meaning in CloudEvents or in the line format.
type attribute uint8

const (
	specVersion attribute = iota
	eventID
	eventSource
	eventType
	eventTime
	contentType
	descriptive // subject, dataschema
	eventData
	dataBase64
	reserved // stamp
	extension
)

// required are the attributes that every event has.
var required = [...]string{specVersion: "specversion", eventID: "id", eventSource: "source", eventType: "type"}

func attributeOf(name []byte) attribute {
	switch string(name) {
	case "specversion":
		return specVersion
	case "id":
		return eventID
	case "source":
		return eventSource
	case "type":
		return eventType
	case "time":
		return eventTime
	case "datacontenttype":
		return contentType
	case "subject", "dataschema":
		return descriptive
	case "data":
		return eventData
	case "data_base64":
		return dataBase64
	case "stamp":
		return reserved
	}
	return extension
}

// attribute validates the current member of the event itself. raw is the JSON text of its value; for an object or
// array, only the opening bracket.
//
// Source: CloudEvents 1.0.2, Context Attributes; JSON Event Format 1.0.2, sections 2 and 3.
func (s *scanner) attribute(i int, kind Kind, raw []byte, t traits) {
	a := s.event.envelope.current
	switch {
	case a == reserved:
		s.rejectAttribute(i, "the name stamp is reserved: ingest adds this member itself; leave it out")
	case a == extension:
		s.extension(i, kind, raw, t)
	case a == eventData:
		s.onlyData(i)
	case kind == Null:
		// The JSON format reads null as an attribute that is absent.
	case kind == Number && a == eventTime:
		s.rejectAttribute(i, fmt.Sprintf("the time must be a string; this is the number %.40s, which %s", raw,
			TimeFault(raw)))
	case kind != String:
		s.rejectAttribute(i, "the attribute must be a string; this is "+kind.Article())
	default:
		s.textAttribute(i, a, raw[1:len(raw)-1], t)
	}
}

// textAttribute validates an attribute that is a string.
func (s *scanner) textAttribute(i int, a attribute, text []byte, t traits) {
	if t&escaped != 0 {
		text = s.unescape(text)
	}
	if len(text) == 0 && a != dataBase64 {
		s.rejectAttribute(i, "the attribute must not be empty")
		return
	}
	if int(a) < len(required) {
		s.event.envelope.has[a] = true
	}
	switch a {
	case eventType, contentType, descriptive:
		if !s.validateText(i, text, t) {
			return
		}
		if a == contentType {
			s.event.envelope.contentType = text
		}
	case specVersion:
		if string(text) != "1.0" {
			s.rejectAttribute(i, fmt.Sprintf(`unknown CloudEvents version %.20q; the supported version is "1.0"`, text))
		}
	case eventID:
		s.event.envelope.id = s.identifying(i, text, t, s.limits.IDBytes)
	case eventSource:
		s.event.envelope.source = s.identifying(i, text, t, s.limits.SourceBytes)
	case eventTime:
		if _, ok := ParseTime(text); !ok {
			s.rejectAttribute(i, fmt.Sprintf("%.40q %s", text, TimeFault(text)))
		}
	case dataBase64:
		s.onlyData(i)
		if !isBase64(text) {
			s.rejectAttribute(i, "data_base64 is not valid Base64 with padding (RFC 4648, section 4)")
		}
		s.event.envelope.encoded = text
	}
}

// identifying validates source or id. It returns nil when the attribute is invalid.
func (s *scanner) identifying(i int, text []byte, t traits, limit int) []byte {
	switch {
	case len(text) > limit:
		s.reject(i, LimitExceeded, s.pointer(),
			fmt.Sprintf("the attribute has %d bytes; the maximum is %d", len(text), limit))
	case s.validateText(i, text, t):
		return text[:len(text):len(text)]
	}
	return nil
}

// validateText rejects an attribute that holds a character which CloudEvents forbids. Whoever shows the attribute on a
// terminal or a page would obey it.
//
// Source: CloudEvents 1.0.2, Type System, String.
func (s *scanner) validateText(i int, text []byte, t traits) bool {
	switch {
	case t&control != 0:
		s.rejectAttribute(i, fmt.Sprintf("%.60q contains a control character; remove it", text))
	case t&noncharacter != 0:
		s.rejectAttribute(i, fmt.Sprintf("%.60q contains a code point that is no character, such as U+FFFE; remove it", text))
	}
	return t&(control|noncharacter) == 0
}

// noteID keeps the id of an event that is already rejected, so the rejection can name the event.
func (s *scanner) noteID(kind Kind, raw []byte, t traits) {
	e := &s.event.envelope
	if e.id != nil || kind != String || e.current != eventID || t&^escaped != 0 || len(raw)-2 > s.limits.IDBytes {
		return
	}
	e.id = raw[1 : len(raw)-1]
	if t&escaped != 0 {
		e.id = s.unescape(e.id)
	}
}

// onlyData rejects an event that has both data and data_base64.
func (s *scanner) onlyData(i int) {
	if s.event.envelope.hasData {
		s.rejectAttribute(i, "the event has both data and data_base64; only one is allowed")
	}
	s.event.envelope.hasData = true
}

// maxExtensionName is the maximum length of an extension's name. CloudEvents recommends 20.
const maxExtensionName = 64

// extension validates an extension attribute.
func (s *scanner) extension(i int, kind Kind, raw []byte, t traits) {
	if name := s.nameText(s.names.list[len(s.names.list)-1]); !isExtensionName(name) {
		s.rejectAttribute(i, fmt.Sprintf("invalid attribute name %.60q: must be 1 to %d characters of a-z and 0-9", name,
			maxExtensionName))
		return
	}
	switch kind {
	case String:
		text := raw[1 : len(raw)-1]
		if t&(control|noncharacter) != 0 && t&escaped != 0 {
			text = s.unescape(text)
		}
		s.validateText(i, text, t)
	case Object, Array:
		s.rejectAttribute(i, "an extension must be a string, a boolean or an integer; this is "+kind.Article()+
			" (put the event's payload into data)")
	case Number:
		if _, err := strconv.ParseInt(string(raw), 10, 32); err != nil {
			s.rejectAttribute(i, fmt.Sprintf(
				"the number %.50s is not valid in an extension: must be an integer from -2147483648 to 2147483647", raw))
		}
	}
}

func isExtensionName(name []byte) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(name) > 0 && len(name) <= maxExtensionName
}

// isBase64 checks the alphabet and the padding.
func isBase64(text []byte) bool {
	if len(text)%4 != 0 {
		return false
	}
	for pad := 0; pad < 2 && len(text) > 0 && text[len(text)-1] == '='; pad++ {
		text = text[:len(text)-1]
	}
	for _, c := range text {
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '+' && c != '/' {
			return false
		}
	}
	return true
}

// missing rejects an event that lacks a required attribute.
func (s *scanner) missing() {
	for a, has := range s.event.envelope.has {
		if !has {
			s.reject(s.event.start, MissingAttribute, "/"+required[a],
				"the event has no "+required[a]+"; specversion, id, source and type are required")
			return
		}
	}
}

func (s *scanner) rejectAttribute(i int, detail string) {
	s.reject(i, InvalidAttribute, s.pointer(), detail)
}

// Article names a value of kind k with its article, for a message: "an array". A missing value has no name.
func (k Kind) Article() string {
	switch k {
	case Null:
		return "null"
	case False, True:
		return "a boolean"
	case Number:
		return "a number"
	case String:
		return "a string"
	case Object:
		return "an object"
	}
	return "an array"
}
