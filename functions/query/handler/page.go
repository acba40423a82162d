package handler

import (
	"errors"
	"net/http"

	"github.com/anabranch/anabranch/shared/aws/respond"
	"github.com/anabranch/anabranch/shared/page"
)

var errNoFile = errors.New("the page has no such file; open / in a browser")

// pageFile answers with a file of the page. It holds no data, so it needs no key.
func pageFile(to respond.To, name, known string) (response, error) {
	file, ok := page.Find(name)
	if !ok {
		return response{}, errNoFile
	}
	body := to.NewWriter(file.ContentType)
	if _, err := body.Write(file.Body); err != nil {
		return response{}, err
	}
	answer, err := body.Answer(http.StatusOK)
	if err != nil {
		return response{}, err
	}
	answer.Headers["content-security-policy"] = page.Policy
	answer.Headers["referrer-policy"] = "no-referrer"
	answer.Headers["cross-origin-opener-policy"] = "same-origin"
	return respond.Tagged(answer, file.Tag, known), nil
}
