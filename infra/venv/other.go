//go:build !unix

package venv

// lock does nothing on this system. Install the packages before you run tests in parallel.
func lock(string) (unlock func(), err error) { return func() {}, nil }
