// Package counts measures the cost of events on the wire. It runs the layers over the AWS adapters and an emulator,
// with real events, and compares every request, byte and billed unit with testdata/counts.txt. It holds only tests,
// behind the build tag `emulator`.
//
// After a change that is meant to change the counts, this command writes the new ones:
//
//	go test -tags emulator ./localstack/wire/counts -update
package counts
