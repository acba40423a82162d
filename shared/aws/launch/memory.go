package launch

import (
	"fmt"
	"runtime/debug"
	"strconv"

	"github.com/anabranch/anabranch/shared/setting"
)

// limitMemory has the garbage collector work harder as memory runs out, before Lambda ends the function for it: at nine tenths of what the function has.
// Where the environment says nothing of memory, nothing is limited.
func limitMemory(lookup setting.Lookup) error {
	const name = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"
	text, ok := lookup(name)
	if !ok {
		return nil
	}
	megabytes, err := strconv.ParseInt(text, 10, 32)
	if err != nil || megabytes < 1 {
		return fmt.Errorf("%s=%q: must be a number of megabytes", name, text)
	}
	debug.SetMemoryLimit(megabytes << 20 / 10 * 9)
	return nil
}
