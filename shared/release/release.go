// Package release says which release of Anabranch a program was built from.
package release

import "runtime/debug"

// version is a tag, a commit, or a tag and the commit after it. The linker sets it, as the Makefile says.
var version string

// Version returns the release: "v1.2.0"; "v1.2.0-5-g0123456789ab", five commits after it; "0123456789ab", a commit
// before the first tag; each with "-dirty" behind it where files had been changed. Where the Makefile did not build the
// program, it is the module's version as the Go command recorded it, which may be "(devel)".
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
