//go:build emulator

package emulator_test

import (
	"bytes"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/localstack/emulator"
)

func TestAnEmulatorAnswersUntilItIsStopped(t *testing.T) {
	var log bytes.Buffer
	e, err := emulator.Launch(t.Context(), emulator.Settings{Log: &log, Env: []string{"LOG_LEVEL=INFO"}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(e.Endpoint, "http://127.0.0.1:") {
		t.Errorf("endpoint %s: want a port of 127.0.0.1, where the SDK addresses buckets by path", e.Endpoint)
	}
	if err := e.Reset(t.Context()); err != nil {
		t.Errorf("reset: %v", err)
	}
	if err := e.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if response, err := http.Get(e.Endpoint + "/_ministack/health"); err == nil {
		t.Errorf("it answers after it was stopped: %s", response.Status)
	}
	if !strings.Contains(log.String(), "Ministack") && !strings.Contains(log.String(), "MiniStack") {
		t.Errorf("its log was not handed on: %q", log.String())
	}
}

func TestTwoEmulatorsKnowNothingOfEachOther(t *testing.T) {
	a, b := emulator.Start(t), emulator.Start(t)
	if a.Endpoint == b.Endpoint {
		t.Fatalf("both are at %s", a.Endpoint)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, a.Endpoint+"/bucket", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{a.Endpoint: http.StatusOK, b.Endpoint: http.StatusNotFound}
	response, err := http.DefaultClient.Do(request)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("create bucket: %v, error %v", response, err)
	}
	for endpoint, status := range want {
		response, err := http.Head(endpoint + "/bucket")
		if err != nil || response.StatusCode != status {
			t.Errorf("bucket of %s: %v, error %v; want status %d", endpoint, response, err, status)
		}
	}
}

func TestAPortThatIsTakenIsSaidSo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = emulator.Launch(t.Context(), emulator.Settings{Port: l.Addr().(*net.TCPAddr).Port})
	if err == nil || !strings.Contains(err.Error(), "already in use") {
		t.Errorf("error %v, want what the emulator says", err)
	}
}

func TestARootWithoutRequirementsIsAnError(t *testing.T) {
	if _, err := emulator.Launch(t.Context(), emulator.Settings{Root: t.TempDir()}); err == nil ||
		!strings.Contains(err.Error(), "requirements.txt") {
		t.Errorf("error %v", err)
	}
}
