// Package counts is what events cost on the wire: the layers over the AWS adapters and an emulator, for real events, with every request, byte and
// billed unit counted and compared with testdata/counts.txt. It holds tests only, behind the build tag `emulator`.
//
// After a change that is meant to change them, go test -tags emulator ./localstack/wire/counts -update writes the new counts.
package counts
