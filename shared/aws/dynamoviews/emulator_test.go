//go:build emulator

package dynamoviews_test

import (
	"testing"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/dynamoviews"
	"github.com/anabranch/anabranch/shared/conformance"
	"github.com/anabranch/anabranch/shared/viewstore"
)

func TestConformance(t *testing.T) {
	cfg := awstest.Config(emulator.Start(t).Endpoint)
	base := awstest.Table(t, cfg, "base", awstest.BaseTable)
	speed := awstest.Table(t, cfg, "speed", awstest.SpeedTable)
	t.Run("Base", func(t *testing.T) {
		conformance.Base(t, func(*testing.T) viewstore.Base { return dynamoviews.NewBase(base, "base") })
	})
	t.Run("Speed", func(t *testing.T) {
		conformance.Speed(t, func(*testing.T) viewstore.Speed { return dynamoviews.NewSpeed(speed, "speed") })
	})
}
