package respond_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/aws/respond"
	"github.com/anabranch/anabranch/shared/setting"
)

// largest is the largest response that Lambda returns, in bytes.
//
// Source: the message of Lambda's error Function.ResponseSizeTooLarge.
const largest = 6_291_556

func written(t *testing.T, contentType string, parts ...[]byte) string {
	t.Helper()
	w := respond.To{}.NewWriter(contentType)
	for _, part := range parts {
		if n, err := w.Write(part); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	answer, err := w.Answer(200)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Body
}

// payload is an answer as Lambda's library for Go encodes it.
func payload(t *testing.T, answer events.APIGatewayV2HTTPResponse) []byte {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(answer); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

func unpacked(t *testing.T, answer events.APIGatewayV2HTTPResponse) string {
	t.Helper()
	if answer.Headers["content-encoding"] == "" {
		return answer.Body
	}
	packed, err := base64.StdEncoding.DecodeString(answer.Body)
	if err != nil || !answer.IsBase64Encoded {
		t.Fatal(answer.IsBase64Encoded, err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "identity": false, "br": false, "gzipped": false, ",;=/": false,
		"gzip": true, "GZIP": true, "x-gzip": true, "deflate, gzip": true, "gzip, deflate, br, zstd": true,
		"gzip;q=0.1": true, "gzip; q=0": false, "gzip;q=0.000, *": false, "gzip;q=no": false, "gzip;q=NaN": false,
		"gzip;q=Inf": false, "gzip;q=0x1p-2": false, "x-gzip;q=0": false, "x-gzip;q=0, *": false, "x-gzip;q=0, gzip": true,
		"x-gzip, gzip;q=0": false,
		"*":                true, "*;q=0": false, "br, *;q=0.5": true, "*;q=0, gzip": true, "identity;q=0": false,
	} {
		r := events.APIGatewayV2HTTPRequest{Headers: map[string]string{"accept-encoding": header}}
		if got := respond.For(r, 7); got.Gzip != want || got.Max != 7 {
			t.Errorf("%q: %+v", header, got)
		}
	}
}

// TestPacks checks that only a body of some size is packed, only for a client that accepts it, and that every answer
// says that it depends on what the client accepts.
func TestPacks(t *testing.T) {
	line := []byte("2026-01-01T00:00:00Z,1\r\n")
	for _, c := range []struct {
		gzip   bool
		lines  int
		packed bool
	}{{true, 0, false}, {true, 100, false}, {true, 1_000, true}, {false, 1_000, false}} {
		w := respond.To{Gzip: c.gzip}.NewWriter("text/csv")
		for range c.lines {
			if _, err := w.Write(line); err != nil {
				t.Fatal(err)
			}
		}
		answer, err := w.Answer(200)
		if err != nil {
			t.Fatal(err)
		}
		if packed := answer.Headers["content-encoding"] == "gzip"; packed != c.packed || packed != answer.IsBase64Encoded {
			t.Errorf("%+v: headers %v", c, answer.Headers)
		}
		if answer.Headers["vary"] != "accept-encoding" {
			t.Errorf("%+v: headers %v", c, answer.Headers)
		}
		if got := unpacked(t, answer); got != strings.Repeat(string(line), c.lines) {
			t.Errorf("%+v: %d bytes", c, len(got))
		}
	}
}

// TestMaximum checks that a body is refused exactly where the answer would be larger than Lambda returns, whatever its
// text, and that the largest answer before that is one that Lambda returns.
func TestMaximum(t *testing.T) {
	most := setting.Default().MaxAnswer
	noise := make([]byte, 16<<10)
	for i := range noise {
		noise[i] = ' ' + byte(rand.N(0x5f))
	}
	var controls []byte
	for c := range byte(0x20) {
		controls = append(controls, c)
	}
	for name, part := range map[string][]byte{
		"JSON":            []byte(`{"start":"2026-01-01T00:00:00Z","values":{"n":12345}},`),
		"controls":        controls,
		"line separators": []byte("\u2028\u2029ü𝄞\ufffd\x7f"),
		"noise":           noise,
	} {
		for _, gzip := range []bool{false, true} {
			if gzip && name != "noise" {
				continue // it takes hundreds of MB to fill an answer
			}
			parts := 0
			var large *respond.TooLarge
			for w := (respond.To{Max: most, Gzip: gzip}).NewWriter("text/csv"); large == nil; parts++ {
				if gzip {
					rand.Shuffle(len(noise), func(i, j int) { noise[i], noise[j] = noise[j], noise[i] })
				}
				if _, err := w.Write(part); err != nil && !errors.As(err, &large) {
					t.Fatal(err)
				}
			}
			if large.Max != most-10<<10 || large.Size <= large.Max || large.Size > most+128<<10 {
				t.Errorf("%s: %+v", name, large)
			}
			w := respond.To{Max: most, Gzip: gzip}.NewWriter("text/csv")
			for range large.Fitting(parts) {
				if gzip {
					rand.Shuffle(len(noise), func(i, j int) { noise[i], noise[j] = noise[j], noise[i] })
				}
				if _, err := w.Write(part); err != nil {
					t.Fatal(name, err)
				}
			}
			answer, err := w.Answer(200)
			if err != nil {
				t.Fatal(name, err)
			}
			n := len(payload(t, answer))
			if n > largest || n < most*8/10 {
				t.Errorf("%s, packed %t: %d of %d parts take %d bytes", name, gzip, large.Fitting(parts), parts, n)
			}
		}
	}
}

// TestSizeIsThatOfThePayload checks that the size of a body that is not packed is counted to the byte.
func TestSizeIsThatOfThePayload(t *testing.T) {
	var all strings.Builder
	for r := rune(0); r < 0x3000; r++ {
		all.WriteRune(r)
	}
	for _, text := range []string{"", all.String(), `"\` + "\n\u2028"} {
		answer, err := respond.To{}.NewWriter("text/csv").Answer(200)
		if err != nil {
			t.Fatal(err)
		}
		without := len(payload(t, answer))
		answer.Body = text
		quoted := len(payload(t, answer)) - without
		const head = 10 << 10
		if _, err := (respond.To{Max: head + quoted}).NewWriter("text/csv").Write([]byte(text)); err != nil {
			t.Errorf("%.20q: %v", text, err)
		}
		var large *respond.TooLarge
		_, err = respond.To{Max: head + quoted - 1}.NewWriter("text/csv").Write([]byte(text))
		if !errors.As(err, &large) || large.Size != quoted {
			t.Errorf("%.20q: %v, want an error of size %d", text, err, quoted)
		}
	}
}

// TestPackedToTheEnd checks that a packed body whose last bytes exceed the maximum is refused too.
func TestPackedToTheEnd(t *testing.T) {
	text := make([]byte, 5<<10)
	for i := range text {
		text[i] = ' ' + byte(rand.N(0x5f))
	}
	w := respond.To{Max: 11 << 10, Gzip: true}.NewWriter("text/csv")
	if _, err := w.Write(text); err != nil {
		t.Fatal("the packer has written before it is closed: ", err)
	}
	var large *respond.TooLarge
	if answer, err := w.Answer(200); !errors.As(err, &large) || answer.Body != "" {
		t.Errorf("answer of %d bytes, %v", len(answer.Body), err)
	}
}

// TestProblemsHaveAnySize checks that an answer that is too large can itself be answered with a problem.
func TestProblemsHaveAnySize(t *testing.T) {
	to := respond.To{Max: 10<<10 + 5}
	_, err := to.JSON(200, "text")
	err = respond.Advise(err, func(e *respond.TooLarge) string { return "ask for less" })
	const want = "the answer is too large: the maximum of its body is 5 bytes, as JSON string or base64; ask for less"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if answer, err := to.Fail(respond.Problem{Status: 422, Code: "too_large"}); err != nil || answer.StatusCode != 422 {
		t.Errorf("%+v, %v", answer, err)
	}
	if err := respond.Advise(io.EOF, nil); err != io.EOF {
		t.Errorf("%v", err)
	}
}
