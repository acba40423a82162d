// Package e2e tests Anabranch end to end, as it is deployed. It deploys the real template and the built functions to
// the emulator, sends real events over the HTTP API, and compares every value with an independent fold of the archive.
// Its tests are behind the build tag `emulator`; `make e2e` runs them.
package e2e
