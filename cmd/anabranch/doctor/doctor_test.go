package doctor_test

import (
	"net/url"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/doctor"
)

// TestClosed checks that an API which answers without a key is a fault unless it is on this machine.
func TestClosed(t *testing.T) {
	for address, want := range map[string]doctor.Result{
		"http://127.0.0.1:8080": doctor.OK, "http://localhost:8080": doctor.OK, "http://[::1]:8080": doctor.OK,
		"https://api.example": doctor.Failed, "http://192.168.0.7:8080": doctor.Failed,
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range doctor.Examine(doctor.Facts{URL: u, Server: doctor.Server{IsOpen: true}}) {
			if f.Check == "closed" && f.Result != want {
				t.Errorf("%s: %+v, want %s", address, f, want)
			}
		}
	}
}

// TestTable checks that each check has a name of its own, and a remedy once it finds something.
func TestTable(t *testing.T) {
	u, err := url.Parse("https://api.example")
	if err != nil {
		t.Fatal(err)
	}
	met := map[string]bool{}
	facts := doctor.Facts{URL: u, Status: &client.Statuses{}, Views: []client.View{}, Stack: &doctor.Stack{}}
	for _, f := range doctor.Examine(facts) {
		if met[f.Check] || f.Check == "" {
			t.Errorf("check %q stands twice", f.Check)
		}
		met[f.Check] = true
		if f.Result == doctor.Unknown || len(f.Found) > 0 && f.Remedy == "" {
			t.Errorf("%+v", f)
		}
	}
	document, err := os.ReadFile("../../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z ]+)` \\|").FindAllStringSubmatch(string(document), -1) {
		listed[row[1]] = true
	}
	if diff := cmp.Diff(met, listed); diff != "" {
		t.Errorf("checks (-table +docs/doctor.md):\n%s", diff)
	}
}
