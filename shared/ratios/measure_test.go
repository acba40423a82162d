package ratios_test

import (
	"runtime"
	"syscall"
	"time"
)

// job is work that can be measured again and again.
type job func()

// least runs the jobs in turn, and returns the least processor time that each took in one of the rounds, in all threads
// of the process. Other programs on the machine lengthen no round's processor time much, and rarely all rounds.
func least(rounds int, jobs ...job) []time.Duration {
	best := make([]time.Duration, len(jobs))
	for range rounds {
		for i, do := range jobs {
			runtime.GC() // what came before is not a part of it
			begun := processorTime()
			do()
			if took := processorTime() - begun; best[i] == 0 || took < best[i] {
				best[i] = took
			}
		}
	}
	return best
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // the arguments are valid
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
