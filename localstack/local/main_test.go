package main

import (
	"strings"
	"testing"
)

// TestWelcome checks that a user sees the address and each of the three keys by its name.
func TestWelcome(t *testing.T) {
	text := welcome("http://127.0.0.1:4566/v1", "key-w", "key-r", "key-a")
	for _, line := range []string{
		"  write  key-w\n", "  read   key-r\n", "  admin  key-a\n",
		"  export ANABRANCH_URL='http://127.0.0.1:4566/v1'\n", "  export ANABRANCH_KEY=key-a\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no line %q in:\n%s", line, text)
		}
	}
}
