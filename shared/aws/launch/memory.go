package launch

import (
	"fmt"
	"runtime/debug"
	"strconv"

	"github.com/anabranch/anabranch/shared/setting"
)

// limitMemory sets the garbage collector's limit to nine tenths of the function's memory, so that it works harder
// before Lambda ends the function. It sets no limit when the environment does not say how much memory there is.
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
