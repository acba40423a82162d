package mutants

const listingFile = "shared/speed/listing.go"

// ofKeys returns mistakes in listing the keys of a view.
func ofKeys() []Mutant {
	return []Mutant{
		{
			Name: "keys-of-a-key-without-an-end", Design: "3.13",
			Mistake: "a sort key does not say where the view key ends, so that the items of two keys are mixed",
			Edits:   []Edit{{"shared/aws/dynamoviews/key.go", `return append(appendKey(dst, key), 0, 0) }`, `return appendKey(dst, key) }`}},
			Killer: Killer{
				Package: "shared/aws/dynamoviews", Run: "^TestBaseKeysSortByTheirBytes$",
				Why: "histories keep items in memory",
			},
		},
		{
			Name: "keys-within-a-key", Design: "3.13",
			Mistake: "after a part of a key's items, a list goes on with the rest of them, and has the key twice",
			Edits: []Edit{{"shared/aws/dynamoviews/listing.go", `r.From = table.Binary(appendBehind(nil, end))`,
				`r.From = last`}},
			Killer: Killer{
				Package: "shared/aws/dynamoviews", Run: "^TestKeys$",
				Why: "histories keep items in memory",
			},
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
			Name: "keys-remembered-across-a-failed-put", Design: "3.13",
			Mistake: "speed remembers live keys as listed although their put has failed",
			Edits: []Edit{{listingFile, `		if err := f.items.PutLive(ctx, item); err != nil {`,
				`		f.listing.add(f.set, g.slot, item.Keys)
		if err := f.items.PutLive(ctx, item); err != nil {`}},
		},
		{
			Name: "keys-live-replaced", Design: "3.13",
			Mistake: "an item of live keys is named after its first key, so that another one replaces it",
			Edits:   []Edit{{"shared/viewstore/keys.go", `EncodeLive(l.Keys))`, `EncodeLive(l.Keys[:1]))`}},
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
