// Package e2e is the end-to-end story of Anabranch as it is deployed: the real template on the emulator, the built functions, real events over the HTTP
// API, and every value compared with an independent fold of what is in the archive. It is run by `make e2e`; its tests are behind the build tag
// `emulator`.
package e2e
