package respond

import (
	"errors"
	"fmt"
	"maps"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/accept"
)

// To says how an answer may reach its client. The zero To packs no answer, and takes answers of any size.
type To struct {
	Max  int  // maximum size of an answer as its function returns it, in bytes: setting.All.MaxAnswer; 0: any size
	Gzip bool // the client accepts gzip
}

// For returns how the client of a request accepts its answer.
func For(r events.APIGatewayV2HTTPRequest, most int) To {
	return To{Max: most, Gzip: acceptsGzip(r.Headers["accept-encoding"])}
}

// acceptsGzip reports whether an Accept-Encoding header allows gzip. Its old name and the star count only when the
// header does not name gzip itself.
//
// Source: RFC 9110, sections 8.4.1.3 and 12.5.3.
func acceptsGzip(header string) bool {
	weights := maps.Collect(accept.Weights(header))
	for _, coding := range []string{"gzip", "x-gzip", "*"} {
		if weight, ok := weights[coding]; ok {
			return weight > 0
		}
	}
	return false
}

// TooLarge is the error for an answer that Lambda would not return. Sizes are those of the body as its function returns
// it, a JSON string or base64, in bytes.
type TooLarge struct {
	Size   int    // size of what was written; above Max
	Max    int    // maximum size
	Advice string // how to ask for less; "" if unknown
}

func (e *TooLarge) Error() string {
	text := fmt.Sprintf("the answer is too large: the maximum of its body is %d bytes, as JSON string or base64", e.Max)
	if e.Advice != "" {
		text += "; " + e.Advice
	}
	return text
}

// Fitting returns how many parts of equal size fit into an answer, when this many made it too large. It leaves a tenth
// for parts that are larger than these.
func (e *TooLarge) Fitting(written int) int {
	return max(1, int(0.9*float64(written)*float64(e.Max)/float64(e.Size)))
}

// Advise adds to a *TooLarge how to ask for less. It returns any other error as it is, and nil for nil.
func Advise(err error, advice func(*TooLarge) string) error {
	var large *TooLarge
	if errors.As(err, &large) {
		large.Advice = advice(large)
	}
	return err
}
