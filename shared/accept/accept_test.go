package accept_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/accept"
)

func TestWeights(t *testing.T) {
	for header, want := range map[string]string{
		"":     "",
		",;=/": "",
		"gzip": "gzip 1",
		"text/csv;q=0.25, Application/JSON, */*;q=0": "text/csv 0.25, application/json 1, */* 0",
		"x-gzip;q=0":                            "x-gzip 0",
		"text/csv; header=present; Q=1.000":     "text/csv 1",
		"a;q=0, a;q=1":                          "a 0, a 1",
		"a;q=1.":                                "a 1",
		"a;q=, b;q=., c;q=1.1, d;q=2, e;q=-0.5": "",
		"a;q=+1, b;q=1e-1, c;q=0x1p-2, d;q=0_1": "",
		"a;q=Inf, b;q=-Inf, c;q=NaN, d;q=much":  "",
		"a;q=0.5;q=0.7, b":                      "b 1",
	} {
		var got []string
		for name, weight := range accept.Weights(header) {
			got = append(got, fmt.Sprint(name, " ", weight))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
}

func TestWeightsStops(t *testing.T) {
	for name := range accept.Weights("a, b") {
		if name == "a" {
			break
		}
		t.Errorf("%s is yielded after the first", name)
	}
}
