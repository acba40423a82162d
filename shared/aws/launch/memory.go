package launch

import (
	"fmt"
	"runtime/debug"
	"strconv"

	"github.com/anabranch/anabranch/shared/setting"
)

// limitMemory sets the garbage collector's limit to nine tenths of the function's memory, so that it works harder
// before Lambda ends the function. It returns the memory in MB. When the environment does not say how much memory there
// is, it sets no limit and returns 0.
func limitMemory(lookup setting.Lookup) (megabytes int, err error) {
	const name = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"
	text, ok := lookup(name)
	if !ok {
		return 0, nil
	}
	megabytes, err = strconv.Atoi(text)
	if err != nil || megabytes < 1 || megabytes > 1<<30 {
		return 0, fmt.Errorf("%s=%q: must be a number of megabytes", name, text)
	}
	debug.SetMemoryLimit(int64(megabytes) << 20 / 10 * 9)
	return megabytes, nil
}
