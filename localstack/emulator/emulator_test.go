//go:build emulator

package emulator_test

import (
	"testing"
	"time"

	"github.com/anabranch/anabranch/localstack/emulator"
)

func TestTmp(t *testing.T) {
	begin := time.Now()
	e := emulator.Start(t)
	t.Log(e.Endpoint, time.Since(begin))
	begin = time.Now()
	if err := e.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Log(time.Since(begin))
}
