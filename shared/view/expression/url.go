package expression

import (
	"regexp"
	"strings"
)

// beforePath is what a URL has before its path: a scheme, "://", and who serves it. A text without a scheme has no
// host, so that the request for //x is a path.
//
// Source: RFC 3986, sections 3.1 and 3.2.
var beforePath = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)`)

// urlHost returns the host of a URL, its letters A-Z in lower case, without user and port. It is empty when the text
// has none.
func urlHost(text string) string {
	found := beforePath.FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	host := found[1][strings.LastIndexByte(found[1], '@')+1:]
	if end := strings.LastIndexByte(host, ':'); end > strings.LastIndexByte(host, ']') {
		host = host[:end]
	}
	return strings.Map(lowerASCII, host)
}

func lowerASCII(letter rune) rune {
	if letter >= 'A' && letter <= 'Z' {
		return letter + 'a' - 'A'
	}
	return letter
}

// urlPath returns the path of a URL or of a request, without query string and fragment, with its escapes as they are.
// The path of a URL that ends after its host is "/".
func urlPath(text string) string {
	at := beforePath.FindStringIndex(text)
	if at != nil {
		text = text[at[1]:]
	}
	if end := strings.IndexAny(text, "?#"); end >= 0 {
		text = text[:end]
	}
	if at != nil && text == "" {
		return "/"
	}
	return text
}
