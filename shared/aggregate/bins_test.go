package aggregate

import (
	"math/big"
	"testing"
)

func bigOf(n *natural) *big.Int {
	all := new(big.Int)
	for i := len(n) - 1; i >= 0; i-- {
		all.Add(all.Lsh(all, 64), new(big.Int).SetUint64(n[i]))
	}
	return all
}

func TestBinsSpanAllNumbersAndAreNarrow(t *testing.T) {
	if got := len(allBins.bounds) - 1; got != binsOfSign {
		t.Errorf("%d bins, want %d", got, binsOfSign)
	}
	if first := bigOf(&allBins.bounds[0]); first.Cmp(big.NewInt(1e18)) != 0 {
		t.Errorf("the first bin begins at %d, want 10^18", first)
	}
	if last := &allBins.bounds[binsOfSign]; !last.exceeds(&maxDecimal) {
		t.Errorf("the last bin ends at %d, below the greatest Decimal", bigOf(last))
	}
	for i := range binsOfSign {
		// The width is bound * 19/1024, rounded down.
		low, high := bigOf(&allBins.bounds[i]), bigOf(&allBins.bounds[i+1])
		want := new(big.Int).Mul(low, big.NewInt(19))
		want.Add(low, want.Rsh(want, 10))
		if high.Cmp(want) != 0 {
			t.Fatalf("bin %d ends at %d, want %d", i, high, want)
		}
	}
}

func TestBinsAreFoundAtTheirBounds(t *testing.T) {
	for i := range binsOfSign {
		low, below := allBins.bounds[i], allBins.bounds[i+1]
		below = addNaturals(&below, &natural{1<<64 - 1, 1<<64 - 1, 1<<64 - 1, 1<<64 - 1})
		for _, size := range []natural{low, below} {
			if size.exceeds(&maxDecimal) {
				continue
			}
			if bin, ok := allBins.of(&size); !ok || bin != i {
				t.Fatalf("size %d is in bin %d, %v; want %d", bigOf(&size), bin, ok, i)
			}
		}
	}
	if bin, ok := allBins.of(&natural{1e18 - 1}); ok {
		t.Errorf("a size below 10^-9 is in bin %d", bin)
	}
}

func TestTheNumberOfABinIsWithinOnePercentOfAllItsNumbers(t *testing.T) {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(27), nil)
	for i := range binsOfSign {
		text := string(allBins.appendNumber(nil, false, i))
		shown, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("bin %d: %q is no number", i, text)
		}
		shown.Mul(shown, new(big.Rat).SetInt(scale))
		least := new(big.Rat).SetInt(bigOf(&allBins.bounds[i]))
		greatest := new(big.Rat).SetInt(bigOf(&allBins.bounds[i+1]))
		most, fewest := least.Mul(least, big.NewRat(101, 100)), greatest.Mul(greatest, big.NewRat(99, 100))
		if shown.Cmp(most) > 0 || shown.Cmp(fewest) < 0 {
			t.Fatalf("bin %d: %s is not within 1 %% of its numbers", i, text)
		}
		if len(trimZeros(text)) > 4 {
			t.Fatalf("bin %d: %s has more than 4 significant digits", i, text)
		}
	}
}

// trimZeros returns the significant digits of a number.
func trimZeros(text string) string {
	var digits []byte
	for _, c := range []byte(text) {
		if c != '.' && (c != '0' || len(digits) > 0) {
			digits = append(digits, c)
		}
	}
	for len(digits) > 0 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	return string(digits)
}
