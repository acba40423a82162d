// Package browser tests the page in a real browser: Chromium of the distribution, driven by its protocol. It asserts
// what a person would see, and keeps pictures of it in build/page. Its tests are behind the build tag `browser`; `make
// page` runs them.
package browser
