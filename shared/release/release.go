// Package release says which release of Anabranch a program was built from.
package release

import "runtime/debug"

// Version returns the module's version as the Go command recorded it: "v1.2.0", or "(devel)" for a build from a
// checkout without a tag, or without the version control's stamp.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
