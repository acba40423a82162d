//go:build emulator

package dynamocatalog_test

import (
	"testing"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/dynamocatalog"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/conformance"
)

func TestConformance(t *testing.T) {
	cfg := awstest.Config(emulator.Start(t).Endpoint)
	open := func(t *testing.T) *dynamocatalog.Catalog {
		name := awstest.Unique("catalog")
		return dynamocatalog.New(awstest.Table(t, cfg, name, awstest.CatalogTable), name)
	}
	t.Run("Catalog", func(t *testing.T) {
		conformance.Catalog(t, func(t *testing.T) catalog.Catalog { return open(t) })
	})
	t.Run("Sweeps", func(t *testing.T) {
		conformance.Sweeps(t, func(t *testing.T) catalog.Sweeps { return open(t) })
	})
	t.Run("Leases", func(t *testing.T) {
		conformance.Leases(t, func(t *testing.T) catalog.Leases { return open(t) })
	})
	t.Run("Audits", func(t *testing.T) {
		conformance.Audits(t, func(t *testing.T) catalog.Audits { return open(t) })
	})
}
