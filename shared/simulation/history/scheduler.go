package history

import (
	"container/heap"
	"iter"
	"time"
)

// epoch is when every history begins. It lies in the past of any real clock: a context's deadline of virtual time is
// always nearer than one of real time, so that no timer of the machine ever ends a context of a history.
var epoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// scheduler is the virtual clock and what is to happen: the only source of order in a history. Things due at one moment
// happen in the order in which they were asked for.
type scheduler struct {
	clock  time.Time
	agenda agenda
	asked  uint64
	step   uint64 // things that have happened
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

// next makes the next thing happen, unless it is due at the given moment or later.
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

// died is the panic that ends a function where it stands. Deferred calls run, which touch only the memory of an
// environment that dies with it.
type died struct{}

// coroutine is a function that runs until it pauses, and goes on when its pause is over: always one at a time.
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

// pause lets others go on for that long. It does not return when the function is killed meanwhile.
func (c *coroutine) pause(d time.Duration) {
	if !c.yield(d) {
		panic(died{})
	}
}
