//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/localstack/sample"
)

// TestMemory sends events, 100 a request, to "anabranch dev". It checks the most memory that the process ever had, also
// while batch and the audit read them: many of them are in one slot.
func TestMemory(t *testing.T) {
	const events, size, limit = 200_000, 100, 250 << 20
	server, process, _ := launch(t, build(t), t.TempDir(), "--slot=20s", "--commit-within=5s", "--seal-delay=5s",
		"--batch-every=1s")
	var chunks [][][]byte
	for first := 0; first < events; first += size {
		chunks = append(chunks, requests(first, size))
	}
	sendOpen(t, server, chunks, make([]bool, len(chunks)), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	all := func(a sample.Answer) bool { return a.Exact() && a.Requests() == events }
	if err := server.Wait(ctx, "batch", all); err != nil {
		t.Fatal(err)
	}
	if peak := peakOf(t, process.Pid); peak > limit {
		t.Errorf("%d events took %d MB of memory, limit is %d", events, peak>>20, limit>>20)
	} else {
		t.Logf("%d events took %d MB of memory", events, peak>>20)
	}
}

// requests returns events like those of the sample, numbered from first.
func requests(first, n int) (all [][]byte) {
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for i := first; i < first+n; i++ {
		all = append(all, fmt.Appendf(nil, `{"specversion":"1.0","id":"%d","source":"memory","type":"web.request",`+
			`"time":"%s","data":{"client":"c%d","method":"GET","path":"/p/%d","status":200,"bytes":%d}}`,
			i, day.Add(time.Duration(i)*100*time.Millisecond).Format(time.RFC3339Nano), i%20_000, i%300, i%90_001))
	}
	return all
}

// peakOf returns the most resident memory that a process ever had, in bytes.
func peakOf(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(status) {
		if rest, ok := strings.CutPrefix(string(line), "VmHWM:"); ok {
			kB, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kB << 10
		}
	}
	t.Fatalf("no VmHWM in %s", status)
	return 0
}
