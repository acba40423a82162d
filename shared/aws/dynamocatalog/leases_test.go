package dynamocatalog_test

import (
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/catalog"
)

var aLease = catalog.Lease{
	Name: "build page_views", Revision: 8, Holder: "01JD8Z6B1QZ0W6V3T5YJ9K4M2N", Until: 1_795_555_500_000, Of: "g",
	Killed: 2, Memory: 2048,
}

const leaseDocument = `{"version":1,"holder":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N","until":1795555500000,"of":"g","killed":2,` +
	`"memory":2048}`

// leaseStored is the item at a revision.
func leaseStored(revision string) string {
	return key("lease", aLease.Name) + `,"doc":{"S":` + quoted(leaseDocument) + `},"rev":{"N":"` + revision + `"}}`
}

func TestLease(t *testing.T) {
	wire, c := open(t, awstest.JSON(`{"Item":`+leaseStored("8")+`}`), done, missing)
	got, err := c.Lease(t.Context(), aLease.Name)
	wantRead(t, "lease", got, aLease, err)
	got, err = c.Lease(t.Context(), aLease.Name)
	wantRead(t, "lease that nobody ever took", got, catalog.Lease{Name: aLease.Name}, err)
	_, err = c.Lease(t.Context(), aLease.Name)
	wantError(t, err, errOther)
	asked := get("lease", aLease.Name)
	wantRequests(t, wire, asked, asked, asked)
}

func TestPutLease(t *testing.T) {
	first := aLease
	first.Revision = 0
	over8, new := put(leaseStored("9"), expected("rev", `{"N":"8"}`)), put(leaseStored("1"), none)
	for _, test := range []struct {
		name     string
		lease    catalog.Lease
		answers  []awstest.Answer
		want     error
		requests []string
	}{
		{"OK", aLease, []awstest.Answer{done}, nil, []string{over8}},
		{"the first", first, []awstest.Answer{done}, nil, []string{new}},
		{"ErrConflict", aLease, []awstest.Answer{mismatch}, catalog.ErrConflict, []string{over8}},
		{"every answer is lost", aLease, []awstest.Answer{lost, lost, lost}, errOther, []string{over8, over8, over8}},
	} {
		t.Run(test.name, func(t *testing.T) {
			wire, c := open(t, test.answers...)
			wantError(t, c.PutLease(t.Context(), test.lease), test.want)
			wantRequests(t, wire, test.requests...)
		})
	}
}

// TestLeaseThatCannotBeRead checks that an item of another program, or of a newer version, is an error that names the
// lease.
func TestLeaseThatCannotBeRead(t *testing.T) {
	for _, rest := range []string{`,"rev":{"N":"1"}}`, `,"doc":{"S":"{\"version\":1}"}}`,
		`,"doc":{"S":"{\"version\":99}"},"rev":{"N":"1"}}`, `,"doc":{"S":"{"},"rev":{"N":"1"}}`} {
		_, c := open(t, awstest.JSON(`{"Item":`+key("lease", aLease.Name)+rest+`}`))
		_, err := c.Lease(t.Context(), aLease.Name)
		if err == nil || !strings.Contains(err.Error(), aLease.Name) {
			t.Errorf("%s: error %v", rest, err)
		}
	}
}
