package event

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// MaxLanes is the maximum number of lanes of a layout.
const MaxLanes = 4096

// Lane is one of the ordered paths of events from ingest to speed: a logical partition. Its name is "layout.count.n",
// for example "1.4.2": lane 2 of the 4 lanes of layout 1. All copies of an event travel in one lane, and one reader at
// a time reads a lane in order, whatever happens to the shards.
type Lane struct {
	Layout int // number of the layout, from 1
	Count  int // lanes of that layout
	N      int // from 0 to Count-1
}

// ReplayLane is the lane of events that are replayed from the archive. Only items have it: no layout has its number,
// and no record of the stream is in it. The archive has one order for all its events, so one lane is enough.
var ReplayLane = Lane{Layout: 0, Count: 1, N: 0}

// LaneOf returns the lane of an event. It is a pure function of the event's identity.
func LaneOf(id Identity, layout, count int) Lane {
	return Lane{Layout: layout, Count: count, N: int(id.Hi % uint64(count))}
}

// String returns the lane's name. The name is its partition key in the stream and a part of the keys of items.
func (l Lane) String() string {
	b := strconv.AppendInt(make([]byte, 0, 16), int64(l.Layout), 10)
	b = strconv.AppendInt(append(b, '.'), int64(l.Count), 10)
	return string(strconv.AppendInt(append(b, '.'), int64(l.N), 10))
}

// ExplicitHashKey returns n * 2^128 / count in decimal digits. So lanes spread evenly over the hash range, and over the
// shards.
//
// Source: Kinesis API Reference, PutRecords, ExplicitHashKey.
func (l Lane) ExplicitHashKey() string {
	point := new(big.Int).Lsh(big.NewInt(int64(l.N)), 128)
	return point.Div(point, big.NewInt(int64(l.Count))).String()
}

// ParseLane reads a lane's name.
func ParseLane(name string) (Lane, error) {
	parts := strings.Split(name, ".")
	if len(parts) != 3 {
		return Lane{}, fmt.Errorf("invalid lane %.60q: must be layout.count.n", name)
	}
	var numbers [3]int
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || strconv.Itoa(n) != part || n < 0 {
			return Lane{}, fmt.Errorf("invalid lane %.60q: must be layout.count.n in plain decimal numbers", name)
		}
		numbers[i] = n
	}
	l := Lane{Layout: numbers[0], Count: numbers[1], N: numbers[2]}
	if l == ReplayLane {
		return l, nil
	}
	if l.Layout < 1 || l.Count < 1 || l.Count > MaxLanes || l.N >= l.Count {
		return Lane{}, fmt.Errorf("invalid lane %.60q: must have layout >= 1, 1 <= count <= %d and n < count", name, MaxLanes)
	}
	return l, nil
}
