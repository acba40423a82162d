package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

// Measured is what a job took, within its process: reading the program and starting the engine are not a part of it.
type Measured struct {
	Wall      float64 `json:"wall"`      // seconds
	Processor float64 `json:"processor"` // seconds, of all threads
	Items     int     `json:"items"`     // items that were written; 0 for engines without items
	Answer    Answer  `json:"answer"`

	Megabytes int64 `json:"megabytes"` // peak memory of the process during the job, in 2^20 bytes
}

// Answer holds the sums of all rows. Engines must agree on it; see Answer.differs.
type Answer struct {
	Groups   int         `json:"groups"`
	Views    json.Number `json:"views"`
	Amount   json.Number `json:"amount"`
	Shortest json.Number `json:"shortest"`
	Longest  json.Number `json:"longest"`
	Users    json.Number `json:"users"` // distinct users per group, added up
}

type clock struct {
	wall      time.Time
	processor time.Duration
}

// startClock begins to measure. The memory that was used before does not count.
func startClock() clock {
	debug.FreeOSMemory()
	// 5 begins the peak of the memory again; see proc(5). The measurement stays right without it, only greater.
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	return clock{time.Now(), processorTime()}
}

func (c clock) stop() (Measured, error) {
	m := Measured{Wall: time.Since(c.wall).Seconds(), Processor: (processorTime() - c.processor).Seconds()}
	var err error
	m.Megabytes, err = peakMemory()
	return m, err
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // the arguments are valid
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakMemory returns the peak of the memory since the clock was started, in 2^20 bytes.
func peakMemory() (int64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	var kilobytes int64
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	if _, err := fmt.Sscan(after, &kilobytes); err != nil {
		return 0, fmt.Errorf("no VmHWM in /proc/self/status: %w", err)
	}
	return kilobytes >> 10, nil
}
