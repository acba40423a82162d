package main

import (
	"encoding/json"
	"syscall"
	"time"
)

// Measured is what a job took, within its process: reading the program and starting the engine are not a part of it.
type Measured struct {
	Wall      float64 `json:"wall"`      // seconds
	Processor float64 `json:"processor"` // seconds, of all threads
	Items     int     `json:"items"`     // items that were written; 0 for engines without items
	Answer    Answer  `json:"answer"`

	Megabytes int64 `json:"-"` // peak memory of the process, in 2^20 bytes; its parent fills it in
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

func startClock() clock { return clock{time.Now(), processorTime()} }

func (c clock) stop() Measured {
	return Measured{Wall: time.Since(c.wall).Seconds(), Processor: (processorTime() - c.processor).Seconds()}
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // the arguments are valid
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
