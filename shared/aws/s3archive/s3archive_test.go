package s3archive_test

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/s3archive"
)

const key archive.Key = "events/dt=2026-11-22/slot=211500/01JD8Z6B1QZ0W6V3T5YJ9K4M2N.ndjson.zst"

func open(t *testing.T, answers ...awstest.Answer) (*awstest.Wire, *s3archive.Archive) {
	t.Helper()
	wire, cfg := awstest.NewWire(t, answers...)
	return wire, s3archive.New(s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }), "bucket")
}

// refusal returns an error answer of S3.
func refusal(status int, code string) awstest.Answer {
	return awstest.Answer{
		Status: status, Header: map[string]string{"Content-Type": "application/xml"},
		Body: `<?xml version="1.0" encoding="UTF-8"?><Error><Code>` + code + `</Code><Message>as the test requested</Message></Error>`,
	}
}

var (
	done     = awstest.Answer{Status: http.StatusOK}
	lost     = awstest.Answer{}
	slowDown = refusal(http.StatusServiceUnavailable, "SlowDown")
	taken    = refusal(http.StatusPreconditionFailed, "PreconditionFailed")
	inFlight = refusal(http.StatusConflict, "ConditionalRequestConflict")
	noKey    = refusal(http.StatusNotFound, "NoSuchKey")
	noBucket = refusal(http.StatusNotFound, "NoSuchBucket")
	denied   = refusal(http.StatusForbidden, "AccessDenied")
)

// theirs is the time in the Date header of all answers.
var theirs = time.Date(2026, 11, 22, 21, 15, 3, 0, time.UTC)

func TestPut(t *testing.T) {
	for _, test := range []struct {
		name    string
		answers []awstest.Answer // as many as there are requests
		want    error            // nil: none; errOther: none of the sentinel errors
		date    time.Time
	}{
		{"OK", []awstest.Answer{done}, nil, theirs},
		{"ErrExists", []awstest.Answer{taken}, archive.ErrExists, theirs},
		{"ErrInFlight is not ErrExists, and the layer retries it", []awstest.Answer{inFlight}, s3archive.ErrInFlight,
			theirs},
		{"S3 is slow, once", []awstest.Answer{slowDown, done}, nil, theirs},
		{"S3 is slow", []awstest.Answer{slowDown, slowDown, slowDown}, errOther, theirs},
		{"one answer is lost, and the object was not written", []awstest.Answer{lost, done}, nil, theirs},
		{"one answer is lost, and the object was written", []awstest.Answer{lost, taken}, archive.ErrExists, theirs},
		{"500, and the object was written", []awstest.Answer{refusal(500, "InternalError"), taken}, archive.ErrExists,
			theirs},
		{"every answer is lost", []awstest.Answer{lost, lost, lost}, errOther, time.Time{}},
		{"not allowed", []awstest.Answer{denied}, errOther, theirs},
		{"no bucket", []awstest.Answer{noBucket}, errOther, theirs},
	} {
		t.Run(test.name, func(t *testing.T) {
			wire, a := open(t, test.answers...)
			body := []byte("line 1\nline 2\n")
			date, err := a.Put(t.Context(), key, body)
			wantError(t, err, test.want)
			if !date.Equal(test.date) {
				t.Errorf("date %s, want %s", date, test.date)
			}
			for _, r := range wire.Requests() {
				wantPut(t, r, body)
			}
		})
	}
}

var errOther = errors.New("an error that is none of the sentinels")

func wantError(t *testing.T, got, want error) {
	t.Helper()
	if want != nil && want != errOther && !errors.Is(got, want) || want == nil && got != nil || want == errOther &&
		got == nil {
		t.Errorf("error %v, want %v", got, want)
	}
	for _, sentinel := range []error{archive.ErrExists, archive.ErrNotFound, s3archive.ErrInFlight} {
		if sentinel != want && errors.Is(got, sentinel) {
			t.Errorf("error %v is also %v", got, sentinel)
		}
	}
}

// wantPut checks that a request of any attempt is a complete conditional put.
func wantPut(t *testing.T, r awstest.Request, body []byte) {
	t.Helper()
	sum := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(body)))
	got := []string{r.Method, r.URL.Path, string(r.Body), r.Header.Get("If-None-Match"),
		r.Header.Get("X-Amz-Checksum-Crc32")}
	if diff := cmp.Diff([]string{http.MethodPut, "/bucket/" + string(key), string(body), "*", sum}, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestGet(t *testing.T) {
	object := awstest.Answer{Status: http.StatusOK, Body: "body", Header: map[string]string{"Content-Length": "4"}}
	cut := awstest.Answer{Status: http.StatusOK, Body: "bo", Header: map[string]string{"Content-Length": "4"}}
	damaged := awstest.Answer{Status: http.StatusOK, Body: "bodi", Header: map[string]string{
		"Content-Length": "4", "X-Amz-Checksum-Crc32": base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil,
			crc32.ChecksumIEEE([]byte("body")))),
	}}
	for _, test := range []struct {
		name    string
		answers []awstest.Answer
		want    error
		date    time.Time
	}{
		{"OK", []awstest.Answer{object}, nil, theirs},
		{"ErrNotFound", []awstest.Answer{noKey}, archive.ErrNotFound, theirs},
		{"a missing bucket is not ErrNotFound", []awstest.Answer{noBucket}, errOther, theirs},
		{"a denied request is not ErrNotFound", []awstest.Answer{denied}, errOther, theirs},
		{"S3 is slow, once", []awstest.Answer{slowDown, object}, nil, theirs},
		{"every answer is lost", []awstest.Answer{lost, lost, lost}, errOther, time.Time{}},
		{"the body is cut", []awstest.Answer{cut}, errOther, theirs},
		{"the body is damaged", []awstest.Answer{damaged}, errOther, theirs},
	} {
		t.Run(test.name, func(t *testing.T) {
			wire, a := open(t, test.answers...)
			body, date, err := a.Get(t.Context(), key)
			wantError(t, err, test.want)
			if want := map[bool]string{true: "body"}[test.want == nil]; string(body) != want || !date.Equal(test.date) {
				t.Errorf("body %q of %s, want %q of %s", body, date, want, test.date)
			}
			for _, r := range wire.Requests() {
				if r.Method != http.MethodGet || r.URL.Path != "/bucket/"+string(key) {
					t.Errorf("request %s %s", r.Method, r.URL)
				}
			}
		})
	}
}

// listed returns an answer to ListObjectsV2, with keys escaped as S3 escapes them.
func listed(next string, keys ...string) awstest.Answer {
	var b strings.Builder
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><EncodingType>url</EncodingType><IsTruncated>%t</IsTruncated>`, next != "")
	if next != "" {
		fmt.Fprintf(&b, `<NextContinuationToken>%s</NextContinuationToken>`, next)
	}
	for i, key := range keys {
		fmt.Fprintf(&b, `<Contents><Key>%s</Key><Size>%d</Size></Contents>`, key, i+1)
	}
	return awstest.Answer{Status: http.StatusOK, Body: b.String() + `</ListBucketResult>`}
}

// asked returns the parameters of a listing that the adapter chooses.
func asked(r awstest.Request) string {
	q := r.URL.Query()
	return fmt.Sprintf("prefix %q after %q max %s token %q %s", q.Get("prefix"), q.Get("start-after"), q.Get("max-keys"),
		q.Get("continuation-token"), q.Get("encoding-type"))
}

func object(key archive.Key, size int64) archive.Object { return archive.Object{Key: key, Size: size} }

func TestList(t *testing.T) {
	for _, test := range []struct {
		name     string
		from, to archive.Key
		limit    int
		answers  []awstest.Answer
		want     []archive.Object
		asked    []string
	}{
		{
			"a slot: one request, which begins at the slot", "e/slot=000000/", "e/slot=000500/", 1000,
			[]awstest.Answer{listed("", "e/slot%3D000000/a", "e/slot%3D000000/b+c%2B%00", "e/slot%3D000500/a")},
			[]archive.Object{object("e/slot=000000/a", 1), object("e/slot=000000/b c+\x00", 2)},
			[]string{`prefix "e/slot=000" after "e/slot=000000" max 1000 token "" url`},
		},
		{
			"after a key", "e/b\x00", "e/x", 3,
			[]awstest.Answer{listed("", "e/c", "e/d")},
			[]archive.Object{object("e/c", 1), object("e/d", 2)},
			[]string{`prefix "e/" after "e/b" max 3 token "" url`},
		},
		{
			"from an existing key: keys before it are dropped, and more are requested", "e/b", "e/x", 2,
			[]awstest.Answer{listed("T1", "e/a", "e/b"), listed("", "e/c")},
			[]archive.Object{object("e/b", 2), object("e/c", 1)},
			[]string{`prefix "e/" after "e/" max 2 token "" url`, `prefix "e/" after "e/" max 1 token "T1" url`},
		},
		{
			"more than S3 lists at once", "a", "b", 2500,
			[]awstest.Answer{listed("T1", many(1000)...), listed("T2", many(1000)...), listed("T3", many(500)...)},
			nil, // only the requests are checked
			[]string{`prefix "" after "" max 1000 token "" url`, `prefix "" after "" max 1000 token "T1" url`, `prefix "" after "" max 500 token "T2" url`},
		},
		{
			"the limit is reached", "a", "b", 1, []awstest.Answer{listed("T1", "a1")}, []archive.Object{object("a1", 1)},
			[]string{`prefix "" after "" max 1 token "" url`},
		},
		{
			"the range ends before the bucket does", "a", "b", 9, []awstest.Answer{listed("T1", "a1", "b")},
			[]archive.Object{object("a1", 1)},
			[]string{`prefix "" after "" max 9 token "" url`},
		},
		{
			"from = to: one request, for the date", "a", "a", 9, []awstest.Answer{listed("T1", "a")}, nil,
			[]string{`prefix "a" after "" max 1 token "" url`},
		},
		{
			"from > to", "b", "a", 9, []awstest.Answer{listed("T1", "0")}, nil,
			[]string{`prefix "" after "" max 1 token "" url`},
		},
		{
			"no limit", "a", "b", 0, []awstest.Answer{listed("", "a1")}, nil,
			[]string{`prefix "" after "" max 1 token "" url`},
		},
		{
			"characters are not cut", "ä", "ö", 1, []awstest.Answer{listed("")}, nil,
			[]string{`prefix "" after "" max 1 token "" url`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			wire, a := open(t, test.answers...)
			objects, date, err := a.List(t.Context(), test.from, test.to, test.limit)
			if err != nil || !date.Equal(theirs) {
				t.Errorf("date %s, error %v", date, err)
			}
			if test.limit > 1000 {
				if len(objects) != test.limit {
					t.Errorf("%d objects, want %d", len(objects), test.limit)
				}
			} else if diff := cmp.Diff(test.want, objects); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
			var got []string
			for _, r := range wire.Requests() {
				got = append(got, asked(r))
			}
			if diff := cmp.Diff(test.asked, got); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func many(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = url.QueryEscape(fmt.Sprintf("a%04d", i))
	}
	return keys
}

func TestListFails(t *testing.T) {
	for name, test := range map[string]struct {
		answers []awstest.Answer
		date    time.Time
	}{
		"not allowed":                      {[]awstest.Answer{denied}, theirs},
		"the second page":                  {[]awstest.Answer{listed("T1", "a1"), slowDown, slowDown, slowDown}, theirs},
		"lost":                             {[]awstest.Answer{lost, lost, lost}, time.Time{}},
		"a key that is not escaped as url": {[]awstest.Answer{listed("", "a%zz")}, theirs},
	} {
		t.Run(name, func(t *testing.T) {
			_, a := open(t, test.answers...)
			objects, date, err := a.List(t.Context(), "a", "b", 5)
			wantError(t, err, errOther)
			if objects != nil || !date.Equal(test.date) {
				t.Errorf("%v of %s, want none of %s", objects, date, test.date)
			}
		})
	}
}

func TestADateThatTellsNoTimeIsNone(t *testing.T) {
	silent := done
	silent.Header = map[string]string{"Date": "yesterday"}
	_, a := open(t, silent)
	if date, err := a.Put(t.Context(), key, nil); err != nil || !date.IsZero() {
		t.Errorf("date %s, error %v", date, err)
	}
}
