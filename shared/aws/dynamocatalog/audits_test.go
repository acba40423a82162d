package dynamocatalog_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/catalog"
)

var audit = catalog.Audit{
	View: "page_views", Revision: 8, Requested: 1, Begun: 2, Ended: 3, Audited: 11,
	Findings: catalog.Findings{
		Generation: "01JD8Z6B1QZ0W6V3T5YJ9K4M2N", Run: math.MaxUint64, Horizon: 1_795_555_500_000,
		Items: 4, Windows: 5, Drift: 6, Beyond: 7, Unsettled: 8, Pending: 9, Lost: 10,
		Drifts: []catalog.Drift{
			{Key: []string{"/a"}, Start: -1, Cause: catalog.Double, Detail: "run 7", Expected: json.RawMessage(`{"n":1}`), Stored: json.RawMessage(`{"n":2}`)},
			{Subset: 2, Cause: catalog.Deleted},
		},
		LostObjects: []string{"events/a"}, Note: "n", Error: "e", Killed: 3,
	},
}

const auditDocument = `{"version":4,"requested":1,"begun":2,"ended":3,"audited":11,"generation":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N","run":18446744073709551615,` +
	`"horizon":1795555500000,"items":4,"windows":5,"drift":6,"beyond":7,"unsettled":8,"pending":9,"lost":10,"drifts":[{"key":["/a"],"start":-1,` +
	`"cause":"double","detail":"run 7","expected":{"n":1},"stored":{"n":2}},{"subset":2,"start":0,"cause":"deleted"}],"lost_objects":["events/a"],"note":"n","error":"e","killed":3}`

// auditStored is the item at a revision.
func auditStored(revision string) string {
	return key("audit", "page_views") + `,"doc":{"S":` + quoted(auditDocument) + `},"rev":{"N":"` + revision + `"}}`
}

func TestAudit(t *testing.T) {
	wire, c := open(t, awstest.JSON(`{"Item":`+auditStored("8")+`}`), done, missing)
	got, err := c.Audit(t.Context(), audit.View)
	if diff := cmp.Diff(audit, got); diff != "" || err != nil {
		t.Errorf("error %v, audit (-want +got):\n%s", err, diff)
	}
	_, err = c.Audit(t.Context(), audit.View)
	wantError(t, err, catalog.ErrNotFound)
	_, err = c.Audit(t.Context(), audit.View)
	wantError(t, err, errOther)
	asked := get("audit", "page_views")
	wantRequests(t, wire, asked, asked, asked)
}

func TestPutAudit(t *testing.T) {
	first := audit
	first.Revision = 0
	over8, new := put(auditStored("9"), expected("rev", `{"N":"8"}`)), put(auditStored("1"), none)
	for _, test := range []struct {
		name     string
		audit    catalog.Audit
		answers  []awstest.Answer
		want     error
		requests []string
	}{
		{"OK", audit, []awstest.Answer{done}, nil, []string{over8}},
		{"the first", first, []awstest.Answer{done}, nil, []string{new}},
		{"ErrConflict", audit, []awstest.Answer{mismatch}, catalog.ErrConflict, []string{over8}},
		{"every answer is lost", audit, []awstest.Answer{lost, lost, lost}, errOther, []string{over8, over8, over8}},
	} {
		t.Run(test.name, func(t *testing.T) {
			wire, c := open(t, test.answers...)
			wantError(t, c.PutAudit(t.Context(), test.audit), test.want)
			wantRequests(t, wire, test.requests...)
		})
	}
}

// TestAuditThatCannotBeRead checks that an item of another program, or of a newer version, is an error that names the
// view.
func TestAuditThatCannotBeRead(t *testing.T) {
	for _, item := range []string{
		key("audit", "page_views") + `,"rev":{"N":"1"}}`,
		key("audit", "page_views") + `,"doc":{"S":"{\"version\":3}"}}`,
		key("audit", "page_views") + `,"doc":{"S":"{\"version\":99}"},"rev":{"N":"1"}}`,
		key("audit", "page_views") + `,"doc":{"S":"{"},"rev":{"N":"1"}}`,
	} {
		_, c := open(t, awstest.JSON(`{"Item":`+item+`}`))
		if _, err := c.Audit(t.Context(), "page_views"); err == nil || !strings.Contains(err.Error(), "page_views") {
			t.Errorf("%s: error %v", item, err)
		}
	}
}
