package aggregate_test

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"math/big"
	"slices"
	"strconv"
	"testing"

	"github.com/anabranch/anabranch/shared/aggregate"
	"pgregory.net/rapid"
)

// mix is a hash of a number, different for different numbers: the finisher of SplitMix64.
func mix(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// mixed are the hashes of the numbers from first on.
func mixed(first uint64, count int) []uint64 {
	sums := make([]uint64, count)
	for i := range sums {
		sums[i] = mix(first + uint64(i))
	}
	return sums
}

// trials is how many trials of the estimates a test runs: all of them, or a twentieth with -short, as on the emulated
// processor of make arm64.
func trials(all int) int {
	if testing.Short() {
		return all / 20
	}
	return all
}

func addHashes(s aggregate.States, sums []uint64) {
	c := aggregate.Column{Hashes: make([]aggregate.Hash, len(sums))}
	for i, sum := range sums {
		c.Hashes[i] = aggregate.Hash{Sum: sum, OK: true}
	}
	s.Add(aggregate.Rows{Cells: make([]int32, len(sums)), Columns: []aggregate.Column{c}})
}

func distinctOf(f aggregate.Function, sums []uint64) aggregate.States {
	s := fold(f, nil)
	addHashes(s, sums)
	return s
}

// TestDistinctDependsOnTheContentAlone divides hashes among states, with copies, on both sides of the bound.
func TestDistinctDependsOnTheContentAlone(t *testing.T) {
	distinct := lookup(t, "distinct")
	rapid.Check(t, func(t *rapid.T) {
		sums := mixed(rapid.Uint64().Draw(t, "first"), rapid.OneOf(rapid.IntRange(0, 2000),
			rapid.IntRange(380, 390)).Draw(t, "count"))
		parts := make([]aggregate.States, rapid.IntRange(1, 5).Draw(t, "parts"))
		for i := range parts {
			parts[i] = fold(distinct, nil)
		}
		part := rapid.IntRange(0, len(parts)-1)
		for _, i := range rapid.Permutation(sums).Draw(t, "order") {
			addHashes(parts[part.Draw(t, "part")], []uint64{i})
		}
		addHashes(parts[part.Draw(t, "copies go to")], sums[:len(sums)/2])
		got := fold(distinct, nil)
		for _, i := range rapid.Permutation(parts).Draw(t, "merge order") {
			if rest, err := got.MergeEncoded(0, i.AppendEncoded(nil, 0)); err != nil || len(rest) != 0 {
				t.Fatalf("rest %x, error %v", rest, err)
			}
		}
		if want := distinctOf(distinct, sums); encoded(got) != encoded(want) {
			t.Fatalf("%x, want %x", encoded(got), encoded(want))
		}
	})
}

func TestDistinctIsExactUpToItsBound(t *testing.T) {
	sums := mixed(0, 385)
	for _, count := range []int{0, 1, 383, 384} {
		s := distinctOf(lookup(t, "distinct"), slices.Concat(sums[:count], sums[:count]))
		if got := string(s.AppendPresented(nil, 0, hour)); got != strconv.Itoa(count) {
			t.Errorf("%s of %d", got, count)
		}
		if bound := string(s.AppendError(nil, 0)); bound != "" {
			t.Errorf("%d values: error %s, want none", count, bound)
		}
	}
	s := distinctOf(lookup(t, "distinct"), sums)
	if bound := string(s.AppendError(nil, 0)); bound != `{"relative":0.042}` {
		t.Errorf("385 values: error %q", bound)
	}
	if got := presentedInt(t, s); got < 385 || got > 400 {
		t.Errorf("%d of 385", got)
	}
}

func presentedInt(t testing.TB, s aggregate.States) int {
	n, err := strconv.Atoi(string(s.AppendPresented(nil, 0, hour)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestDistinctIsWithinItsError counts the trials that are off by more than 4.2 %.
func TestDistinctIsWithinItsError(t *testing.T) {
	trials := trials(1000)
	for _, count := range []int{500, 4000, 20_000} {
		outside, squares := 0, 0.0
		for trial := range trials {
			got := presentedInt(t, distinctOf(lookup(t, "distinct"), mixed(uint64(trial)<<32|uint64(count), count)))
			off := float64(got)/float64(count) - 1
			squares += off * off
			if math.Abs(off) > 0.042 {
				outside++
			}
		}
		standard := 100 * math.Sqrt(squares/float64(trials))
		t.Logf("%d values: standard error %.2f %%, %d of %d outside", count, standard, outside, trials)
		if outside > max(1, trials/100) {
			t.Errorf("%d values: %d of %d trials are off by more than 4.2 %%", count, outside, trials)
		}
	}
}

// TestRegistersAreThoseOfThePaper computes the registers once more, in a number of 6 bits each.
func TestRegistersAreThoseOfThePaper(t *testing.T) {
	sums := append(mixed(7, 3000), 0, 1, 1<<52, 1<<51, math.MaxUint64)
	var ranks [4096]int
	for _, sum := range sums {
		zeros := 0
		for bit := 51; bit >= 0 && sum>>bit&1 == 0; bit-- {
			zeros++
		}
		ranks[sum>>52] = max(ranks[sum>>52], zeros+1)
	}
	packed := new(big.Int)
	for i := len(ranks) - 1; i >= 0; i-- {
		packed.Add(packed.Lsh(packed, 6), big.NewInt(int64(ranks[i])))
	}
	want := packed.FillBytes(make([]byte, 3072))
	slices.Reverse(want)
	want = append(unhex(t, "1c 00 8103"), want...)
	if got := encoded(distinctOf(lookup(t, "distinct"), sums)); got != string(want) {
		t.Errorf("%x, want %x", got, want)
	}
}

// TestDistinctHasGoldenBytes holds on every architecture.
func TestDistinctHasGoldenBytes(t *testing.T) {
	for _, c := range []struct {
		count  int
		answer string
		sum    string // the first bytes of the SHA-256 of the encoding
	}{
		{384, "384", "564252ac2a2ef525"},
		{385, "385", "0f357abad4d45ff3"},
		{1000, "997", "2c8eb494d4afb550"},
		{30_000, "30306", "9e0196d255852381"},
		{1_000_000, "1021056", "532c113d016db57e"},
	} {
		s := distinctOf(lookup(t, "distinct"), mixed(0, c.count))
		sum := sha256.Sum256(s.AppendEncoded(nil, 0))
		answer := string(s.AppendPresented(nil, 0, hour))
		if got := hex.EncodeToString(sum[:8]); got != c.sum || answer != c.answer {
			t.Errorf("%d values: answer %s, sum %s; want %s, %s", c.count, answer, got, c.answer, c.sum)
		}
	}
}
