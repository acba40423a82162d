// Package conformance has one test suite per contract. Every implementation passes it: in memory, as files, or on AWS.
//
// Each subtest is named after a sentence of the contract, and checks what that sentence promises and no more. The suite
// calls the function that opens a store once per subtest. The function may return the same store each time, because
// subtests use names of their own. But the store must not have the names of an earlier run of the suite, and a
// catalog's run log must be empty each time.
package conformance

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"testing"
)

// racers is the number of callers that do the same thing at once.
const racers = 16

// subtest is one sentence of a contract.
type subtest[T any] struct {
	name string
	run  func(t *testing.T, opened T)
}

func runAll[T any](t *testing.T, open func(t *testing.T) T, tests []subtest[T]) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// own returns a name that no other subtest uses, of letters, digits and dashes.
func own(t *testing.T) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, t.Name())
}

// ownNumber returns a number that no other subtest uses.
func ownNumber(t *testing.T) uint64 {
	hash := sha256.Sum256([]byte(t.Name()))
	return binary.BigEndian.Uint64(hash[:])
}

// race calls do(0) to do(racers-1) at once.
func race(do func(i int)) {
	var (
		ready, group sync.WaitGroup
		start        = make(chan struct{})
	)
	ready.Add(racers)
	for i := range racers {
		group.Go(func() {
			ready.Done()
			<-start
			do(i)
		})
	}
	ready.Wait()
	close(start)
	group.Wait()
}

// oneWinner returns the one racer without an error; all others must have the given error.
func oneWinner(t *testing.T, got []error, lost error) int {
	t.Helper()
	winner := -1
	for i, err := range got {
		switch {
		case err == nil && winner < 0:
			winner = i
		case err == nil:
			t.Errorf("racers %d and %d both won", winner, i)
		case !errors.Is(err, lost):
			t.Errorf("racer %d: error %v, want %v", i, err, lost)
		}
	}
	if winner < 0 {
		t.Fatal("nobody won")
	}
	return winner
}

// cancelled returns a context that has ended already.
func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// noise returns n bytes that do not compress; the same seed gives the same bytes.
func noise(seed uint64, n int) []byte {
	out := make([]byte, 0, n+sha256.Size)
	for block := uint64(0); len(out) < n; block++ {
		hash := sha256.Sum256(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, seed), block))
		out = append(out, hash[:]...)
	}
	return out[:n]
}

// spoil overwrites bytes that a call was given or has returned.
func spoil(b []byte) {
	for i := range b {
		b[i] ^= 0xff
	}
}

func wantError(t *testing.T, call string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: error %v, want %v", call, got, want)
	}
}

func wantNoError(t *testing.T, call string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", call, err)
	}
}
