package history

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// kit is what all histories share. A history never sees it change.
type kit struct {
	definitions map[flavoured]lifecycle.Definition
	readings    map[view.Hash]reading
	texts       *memory.Catalog // the texts of all definitions
	programs    *programs.Cache // compiled beforehand, for every set of definitions of plain histories
	codec       *event.Codec

	mu    sync.Mutex
	spare []compiled // compiled programs of histories that have ended
}

// flavour is one definition of a view. All flavours mean the same, but Anabranch takes them for different definitions.
type flavour struct {
	text  int // 0 is the original
	kappa bool

	reading
}

type flavoured struct {
	view int
	flavour
}

// deployment is one deployment of batch: one definition of each view.
type deployment [views]flavour

func (d deployment) String() string {
	words := make([]string, views)
	for v, f := range d {
		words[v] = fmt.Sprintf("%s %d", viewNames[v], f.text)
		if f.kappa {
			words[v] += " kappa"
		}
		if f.weekly {
			words[v] += " weekly"
		}
		if f.before {
			words[v] += " by the engine before"
		}
	}
	return strings.Join(words, ", ")
}

// The deployments that histories choose from.
var (
	original   = deployment{}
	changed    = deployment{byUser: {text: 1}}
	changed2   = deployment{byUser: {text: 2}}
	allChanged = deployment{byUser: {text: 1}, everything: {text: 1}, marks: {text: 1}}
	userKappa  = deployment{byUser: {kappa: true}}
	marksKappa = deployment{marks: {kappa: true}}
	kappa      = deployment{{kappa: true}, {kappa: true}, {kappa: true}}
	kappa2     = deployment{{text: 1, kappa: true}, {text: 1, kappa: true}, {text: 1, kappa: true}}
)

// plainDeployments are the deployments of histories without Kappa views and operators.
var plainDeployments = []deployment{original, changed, changed2}

// text returns the views file of a deployment.
func (d deployment) text() string {
	text := strings.TrimRight(simulation.Views, "\n") + marksView
	replace := func(what, with string) { text = strings.Replace(text, what, with, 1) }
	if n := d[byUser].text; n > 0 {
		replace(`data.kind != "test"`, fmt.Sprintf(`data.kind != "test" && data.kind != "kind %d"`, n))
	}
	for _, v := range []int{everything, marks} {
		if n := d[v].text; n > 0 {
			replace("- name: "+viewNames[v]+"\n", fmt.Sprintf("- name: %s\n    where: type != \"kind %d\"\n", viewNames[v], n))
		}
	}
	if d[everything].weekly {
		replace("window: 1h", "window: 1w")
	}
	for v, f := range d {
		if f.kappa {
			replace("- name: "+viewNames[v]+"\n", "- name: "+viewNames[v]+"\n    architecture: kappa\n")
		}
	}
	return text
}

var theKit = sync.OnceValues(newKit)

func newKit() (*kit, error) {
	k := &kit{programs: &programs.Cache{}, texts: &memory.Catalog{}, definitions: map[flavoured]lifecycle.Definition{},
		readings: map[view.Hash]reading{}}
	var err error
	if k.codec, err = event.NewCodec(8 << 20); err != nil {
		return nil, err
	}
	for _, d := range []deployment{original, changed, changed2, allChanged, kappa, kappa2,
		engineBefore, engineNow, engineBeforeKappa, engineNowKappa} {
		parsed, err := viewfile.Parse("views.yaml", []byte(d.text()))
		if err != nil {
			return nil, err
		}
		for v := range parsed {
			parsed[v].Engine = d[v].engineVersion()
		}
		for v, definition := range lifecycle.Define(parsed) {
			k.definitions[flavoured{v, d[v]}] = definition
			k.readings[definition.Hash] = d[v].reading
			if err := k.texts.PutDefinition(everywhere, definition.Hash, definition.Text); err != nil {
				return nil, err
			}
		}
	}
	var hashes []view.Hash
	for _, d := range plainDeployments {
		for _, definition := range k.of(d) {
			hashes = append(hashes, definition.Hash)
		}
	}
	slices.Sort(hashes)
	for _, set := range subsets(slices.Compact(hashes)) {
		if err := k.compile(k.programs, set); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// of returns the definitions of a deployment.
func (k *kit) of(d deployment) []lifecycle.Definition {
	all := make([]lifecycle.Definition, views)
	for v, f := range d {
		all[v] = k.definitions[flavoured{v, f}]
	}
	return all
}

// compile makes programs compile a set of definitions.
func (k *kit) compile(programs *programs.Cache, set []view.Hash) error {
	_, err := programs.Of(everywhere, k.texts, set)
	return err
}

// subsets returns all subsets of the hashes, each in the given order, with the empty one.
func subsets(hashes []view.Hash) [][]view.Hash {
	var all [][]view.Hash
	for set := range 1 << len(hashes) {
		var some []view.Hash
		for i, hash := range hashes {
			if set>>i&1 == 1 {
				some = append(some, hash)
			}
		}
		all = append(all, some)
	}
	return all
}

// compiled is a set of programs that was compiled for one history.
type compiled struct {
	programs *programs.Cache
	sets     map[string]bool
}

// maxSets is below the size of programs.Cache, so the cache never forgets a program.
const maxSets = 200

// compileAhead compiles every set that a function can ask for when it reads the catalog as it is now. The cache
// compiles under a lock, and no function may hold a lock while it is paused. So everything that functions share is
// compiled before.
func (h *history) compileAhead(all []lifecycle.View) {
	if h.compiled.programs == h.kit.programs {
		return
	}
	sets := [][]view.Hash{lifecycle.Hashes(all)}
	var replayed []view.Hash
	for _, v := range all {
		for _, g := range v.Generations {
			sets = append(sets, []view.Hash{g.Definition})
			if !g.HasBase() && g.IsKept() {
				replayed = append(replayed, g.Definition)
			}
		}
	}
	slices.Sort(replayed)
	for _, set := range append(sets, subsets(slices.Compact(replayed))...) {
		name := fmt.Sprint(set)
		if h.compiled.sets[name] {
			continue
		}
		h.compiled.sets[name] = true
		if len(h.compiled.sets) > maxSets {
			h.fail(oracleItself, "more than %d sets of definitions", maxSets)
		}
		h.must(h.kit.compile(h.compiled.programs, set))
	}
}

// ownPrograms gives this history programs of its own. It begins with those that a history which has ended has compiled.
func (h *history) ownPrograms() {
	if h.compiled.sets != nil {
		return
	}
	k := h.kit
	k.mu.Lock()
	defer k.mu.Unlock()
	h.compiled = compiled{&programs.Cache{}, map[string]bool{}}
	if last := len(k.spare) - 1; last >= 0 {
		h.compiled, k.spare = k.spare[last], k.spare[:last]
	}
}

// spareCompiled leaves the programs of this history to later ones, unless there are too many.
func (h *history) spareCompiled() {
	if len(h.compiled.sets) == 0 || len(h.compiled.sets) > maxSets/2 {
		return
	}
	h.kit.mu.Lock()
	defer h.kit.mu.Unlock()
	h.kit.spare = append(h.kit.spare, h.compiled)
}
