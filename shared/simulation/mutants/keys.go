package mutants

const listingFile = "shared/speed/listing.go"

// ofKeys returns mistakes in listing the keys of a view.
func ofKeys() []Mutant {
	return []Mutant{
		{
			Name: "keys-entry-after-the-item", Design: "3.13",
			Mistake: "batch writes the entry of a new key after the first item of the key",
			Edits: []Edit{{applyFile, `		if err == nil {
			err = t.listKeys(ctx, g, parts[i], loaded)
		}
		if err != nil {
			return err
		}
`, `		if err != nil {
			return err
		}
		defer func() { _ = t.listKeys(ctx, g, parts[i], loaded) }()
`}},
		},
		{
			Name: "keys-live-after-the-items", Design: "3.13",
			Mistake: "speed lists live keys after the items that have them",
			Edits: []Edit{{foldFile, `		if err := f.listLive(ctx, g, keys); err != nil {
			return 0, counts, 0, err
		}
`, `		defer func() { _ = f.listLive(ctx, g, keys) }()
`}},
		},
		{
			Name: "keys-kappa-entry-after-the-item", Design: "3.13",
			Mistake: "the stream code writes the entry of a new key after the first item of the key",
			Edits: []Edit{{foldFile, `	if err == nil {
		err = f.listNew(ctx, items, loaded)
	}
`, `	if err == nil {
		defer func() { _ = f.listNew(ctx, items, loaded) }()
	}
`}},
		},
		{
			Name: "keys-remembered-across-a-failed-put", Design: "3.13",
			Mistake: "speed remembers live keys as listed although their put has failed",
			Edits: []Edit{{listingFile, `		if err := f.items.PutLive(ctx, item); err != nil {`,
				`		f.listing.add(f.set, g.slot, item.Keys)
		if err := f.items.PutLive(ctx, item); err != nil {`}},
		},
		{
			Name: "keys-live-replaced", Design: "3.13",
			Mistake: "an item of live keys is named after its first key, so that another one replaces it",
			Edits:   []Edit{{"shared/viewstore/directory.go", `EncodeLive(l.Keys))`, `EncodeLive(l.Keys[:1]))`}},
		},
		{
			Name: "keys-live-from-the-next-slot", Design: "3.13",
			Mistake: "a list leaves out the live keys of the first slot that batch has not covered",
			Edits: []Edit{{"shared/serving/keys.go", `l.Generation.SpeedSet(), i, l.Generation.SpeedFrom())`,
				`l.Generation.SpeedSet(), i, l.Generation.SpeedFrom()+1)`}},
		},
		{
			Name: "keys-beyond-a-full-shard", Design: "3.13",
			Mistake: "a list goes on after the last key of any shard, not after the last one that every shard was read up to",
			Edits:   []Edit{{"shared/serving/keys.go", `return l.compare(key, end) > 0`, `return l.compare(key, end) > 1`}},
			Killer: Killer{
				Package: "shared/serving", Run: "^TestManyKeys$",
				Why: "histories have fewer keys than one request reads of a shard",
			},
		},
	}
}
