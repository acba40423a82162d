package ratios_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// bodies returns requests of the given number of events each, as NDJSON, with times within the given hour.
type bodies func(tb testing.TB, requests, events int, hour time.Time) [][]byte

// sample cuts the first requests of the sample into bodies. It has 9,999 events and begins again after them.
func sample(tb testing.TB, requests, events int, _ time.Time) [][]byte {
	tb.Helper()
	packed, err := os.ReadFile("../../localstack/sample/web-requests.ndjson.gz")
	if err != nil {
		tb.Fatal(err)
	}
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		tb.Fatal(err)
	}
	var lines [][]byte
	for scan := bufio.NewScanner(reader); scan.Scan(); {
		lines = append(lines, bytes.Clone(scan.Bytes()))
	}
	all := make([][]byte, requests)
	for i := range requests * events {
		r := i / events
		all[r] = append(append(all[r], lines[i%len(lines)]...), '\n')
	}
	return all
}

var (
	countries = []string{"US", "DE", "IN", "BR", "JP", "GB", "FR", "NG", "ID", "MX"}
	devices   = []string{"desktop", "phone", "tablet"}
)

// shop makes the events that make bench compares engines over: URLs and users follow Zipf distributions.
func shop(_ testing.TB, requests, events int, hour time.Time) [][]byte {
	random := rand.New(rand.NewPCG(1, 0))
	urls, users := rand.NewZipf(random, 1.1, 1, 19_999), rand.NewZipf(random, 1.05, 1, 499_999)
	all := make([][]byte, requests)
	for i := range requests * events {
		at := hour.Add(time.Duration(random.Int64N(int64(time.Hour))))
		hi, lo, url := random.Uint64(), random.Uint64(), urls.Uint64()
		all[i/events] = fmt.Appendf(all[i/events], `{"specversion":"1.0","id":"%08x-%04x-7%03x-%04x-%012x",`+
			`"source":"//shop.example/web","type":"page.viewed","time":"%s","data":{`+
			`"url":"/catalog/section-%d/item-%05d","user":"u%07d","country":"%s","device":"%s","duration_ms":%d,`+
			`"amount":%d.%02d,"props":{"ab":"%s","ref":"https://search.example/?q=%x","width":%d}}}`+"\n",
			uint64(at.UnixMilli())>>16, uint64(at.UnixMilli())&0xffff, hi&0xfff, 0x8000|hi>>48&0x3fff, lo&0xffffffffffff,
			at.Format("2006-01-02T15:04:05.000Z"), url%40, url, users.Uint64(), countries[random.IntN(len(countries))],
			devices[random.IntN(len(devices))], int(math.Exp(random.NormFloat64()+6)), random.IntN(200), random.IntN(100),
			[]string{"control", "variant"}[random.IntN(2)], random.Uint32(), 320+random.IntN(1600))
	}
	return all
}
