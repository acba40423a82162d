package respond

import (
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// Tagged adds an entity tag to an answer, so that its client may ask again whether it has changed. No cache may use
// the answer without asking. When the header If-None-Match, known, has the tag, the client has the answer, and the
// result is 304 without a body.
//
// Source: RFC 9110, sections 8.8.3, 13.1.2 and 15.4.5; RFC 9111, section 5.2.2.
func Tagged(answer events.APIGatewayV2HTTPResponse, tag, known string) events.APIGatewayV2HTTPResponse {
	answer.Headers["etag"] = tag
	answer.Headers["cache-control"] = "private, no-cache"
	if !holds(known, tag) {
		return answer
	}
	delete(answer.Headers, "content-type")
	delete(answer.Headers, "content-encoding")
	return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusNotModified, Headers: answer.Headers}
}

// holds reports whether the value of If-None-Match has a tag. Weak tags are like strong ones there.
func holds(known, tag string) bool {
	opaque := func(text string) string { return strings.TrimPrefix(strings.TrimSpace(text), "W/") }
	if strings.TrimSpace(known) == "*" {
		return true
	}
	for one := range strings.SplitSeq(known, ",") {
		if opaque(one) == opaque(tag) {
			return true
		}
	}
	return false
}
