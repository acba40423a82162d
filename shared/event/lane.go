package event

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// MaxLanes bounds the lane count of a layout.
const MaxLanes = 4096

// Lane is one of the ordered ways events travel from ingest to speed, named "layout.count.n", for example "1.4.2": lane 2 of the 4 lanes of
// layout 1. All copies of an event go through one lane, and a lane is read in order by one reader at a time, whatever the shards do.
type Lane struct {
	Layout int // number of the layout, from 1
	Count  int // lanes of that layout
	N      int // from 0 to Count-1
}

// ReplayLane is the lane of what is replayed from the archive, for items only: the archive is one line, whatever lanes its events came through. No layout
// has its number, and no record of the stream is in it.
var ReplayLane = Lane{Layout: 0, Count: 1, N: 0}

// LaneOf is the lane of an event: a pure function of its identity.
func LaneOf(id Identity, layout, count int) Lane {
	return Lane{Layout: layout, Count: count, N: int(id.Hi % uint64(count))}
}

// String is the lane's name: its partition key in the stream and its part of the keys of items.
func (l Lane) String() string {
	b := strconv.AppendInt(make([]byte, 0, 16), int64(l.Layout), 10)
	b = strconv.AppendInt(append(b, '.'), int64(l.Count), 10)
	return string(strconv.AppendInt(append(b, '.'), int64(l.N), 10))
}

// ExplicitHashKey is n * 2^128 / count in decimal digits: lanes spread evenly over the hash range, and so over the shards.
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
		return Lane{}, fmt.Errorf("lane %.60q is not layout.count.n", name)
	}
	var numbers [3]int
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || strconv.Itoa(n) != part || n < 0 {
			return Lane{}, fmt.Errorf("lane %.60q is not layout.count.n in plain decimal numbers", name)
		}
		numbers[i] = n
	}
	l := Lane{Layout: numbers[0], Count: numbers[1], N: numbers[2]}
	if l == ReplayLane {
		return l, nil
	}
	if l.Layout < 1 || l.Count < 1 || l.Count > MaxLanes || l.N >= l.Count {
		return Lane{}, fmt.Errorf("lane %.60q: need layout >= 1, 1 <= count <= %d and n < count", name, MaxLanes)
	}
	return l, nil
}
