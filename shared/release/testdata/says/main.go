// Command says prints the release that it was built from.
package main

import (
	"fmt"

	"github.com/anabranch/anabranch/shared/release"
)

func main() { fmt.Println(release.Version()) }
