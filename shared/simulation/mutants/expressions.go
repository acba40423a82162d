package mutants

const (
	meterFile  = "shared/view/expression/meter.go"
	objectFile = "shared/view/expression/object.go"
)

// ofExpressions returns mistakes in what an expression may cost, and in what decides its result and its window.
func ofExpressions() []Mutant {
	costly := Killer{"shared/view/expression", "^TestWhereTooCostly$", "histories have no event that is too costly"}
	return []Mutant{
		{
			Name: "twenty-times-the-steps", Design: "4",
			Mistake: "an evaluation may take twenty times the steps of the engine's version",
			Edits:   []Edit{{meterFile, `const maxSteps = 100_000`, `const maxSteps = 2_000_000`}},
			Killer:  costly,
		},
		{
			Name: "steps-per-part", Design: "4",
			Mistake: "every part of an expression has all steps for itself",
			Edits:   []Edit{{meterFile, `return maxSteps / max(1, s.parts)`, `return maxSteps`}},
			Killer:  costly,
		},
		{
			Name: "equality-for-nothing", Design: "4",
			Mistake: "the comparison of two lists costs one step, however long they are",
			Edits: []Edit{{meterFile, `sizeOf(left) == sizeOf(right) {
			m.chargeVisit(a)
		}
	case traits.Mapper:`, `sizeOf(left) == sizeOf(right) {
			m.charge(1)
		}
	case traits.Mapper:`}},
			Killer: costly,
		},
		{
			Name: "keys-in-any-order", Design: "4",
			Mistake: "a macro visits the keys of a map in the order of Go, which is random",
			Edits:   []Edit{{objectFile, `		slices.SortFunc(o.keys, compareKeys)`, `		_ = slices.SortFunc[[]ref.Val]`}},
			Killer:  Killer{"shared/view/expression", "^TestMacrosVisitKeysInOrder$", "the views of histories have no macros"},
		},
		{
			Name: "weeks-from-thursday", Design: "2",
			Mistake: "weeks are counted from the Unix epoch, which was a Thursday",
			Edits:   []Edit{{engineFile, `		Weeks:   4 * day,`, `		Weeks:   0,`}},
		},
	}
}
