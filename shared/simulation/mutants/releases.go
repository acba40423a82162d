package mutants

// ofReleases returns mistakes in what holds while functions of two releases run.
func ofReleases() []Mutant {
	return []Mutant{
		{
			Name: "rules-within-a-release-only", Design: "3.2",
			Mistake: "a deployment may change two settings at once although a mix of old and new values breaks a rule",
			Edits: []Edit{{"shared/setting/change.go", `for mix := 1; mix < 1<<len(r.Settings)-1; mix++ {`,
				`for mix := 1; mix < 0; mix++ {`}},
			Killer: Killer{"shared/setting", "^TestCheckChange$",
				"it takes a mix of settings that a history draws about once in 300"},
		},
		{
			Name: "unknown-definition-left-out", Design: "4.1",
			Mistake: "speed folds the definitions that it can run, and does not refuse the records because of the others",
			Edits: []Edit{{liveFile, `	set, err := s.Programs.Of(ctx, s.Catalog, lifecycle.Hashes(views))
	if err != nil {
`, `	set, err := s.Programs.Of(ctx, s.Catalog, lifecycle.Hashes(views))
	if err != nil {
		var known []view.Hash
		for _, hash := range lifecycle.Hashes(views) {
			if _, err := s.Programs.Of(ctx, s.Catalog, []view.Hash{hash}); err == nil {
				known = append(known, hash)
			}
		}
		set, err = s.Programs.Of(ctx, s.Catalog, known)
	}
	if err != nil {
`}},
		},
	}
}
