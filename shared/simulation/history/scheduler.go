package history

import (
	"container/heap"
	"iter"
	"time"
)

// epoch is when every history begins. It is in the past of every real clock. So a deadline in virtual time is always
// nearer than one in real time, and no timer of the machine ever ends a context of a history.
var epoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// scheduler is the virtual clock and the agenda. It is the only source of order in a history: things that are due at
// the same moment happen in the order in which they were scheduled.
type scheduler struct {
	clock  time.Time
	agenda agenda
	asked  uint64
	step   uint64 // number of things that have happened
}

type due struct {
	at    time.Time
	asked uint64
	do    func()
}

type agenda []due

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	if c := a[i].at.Compare(a[j].at); c != 0 {
		return c < 0
	}
	return a[i].asked < a[j].asked
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(due)) }
func (a *agenda) Pop() any {
	last := len(*a) - 1
	x := (*a)[last]
	(*a)[last] = due{}
	*a = (*a)[:last]
	return x
}

func (s *scheduler) at(t time.Time, do func()) {
	s.asked++
	heap.Push(&s.agenda, due{t, s.asked, do})
}

func (s *scheduler) after(d time.Duration, do func()) { s.at(s.clock.Add(d), do) }

// next does the next thing, unless it is due at the given moment or later. It reports whether it did something.
func (s *scheduler) next(before time.Time) bool {
	if len(s.agenda) == 0 || !s.agenda[0].at.Before(before) {
		return false
	}
	d := heap.Pop(&s.agenda).(due)
	s.clock = d.at
	s.step++
	d.do()
	return true
}

// died is the panic that ends a function at its current call. Deferred calls run, but they touch only the memory of an
// environment that is discarded.
type died struct{}

// coroutine is a function that runs until it pauses, and continues when its pause is over. Only one runs at a time.
type coroutine struct {
	next   func() (time.Duration, bool)
	stop   func()
	yield  func(time.Duration) bool
	killed bool
}

func newCoroutine(body func()) *coroutine {
	c := &coroutine{}
	c.next, c.stop = iter.Pull(func(yield func(time.Duration) bool) {
		c.yield = yield
		defer func() {
			if r := recover(); r != nil {
				if _, ok := r.(died); !ok {
					panic(r)
				}
				c.killed = true
			}
		}()
		body()
	})
	return c
}

// pause lets others run for that long. It does not return when the function is killed meanwhile.
func (c *coroutine) pause(d time.Duration) {
	if !c.yield(d) {
		panic(died{})
	}
}
