//go:build emulator

package s3archive_test

import (
	"testing"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/s3archive"
	"github.com/anabranch/anabranch/shared/conformance"
)

func TestConformance(t *testing.T) {
	bucket := awstest.Unique("archive")
	client := awstest.Bucket(t, awstest.Config(emulator.Start(t).Endpoint), bucket)
	conformance.Archive(t, func(*testing.T) archive.Archive { return s3archive.New(client, bucket) })
}
