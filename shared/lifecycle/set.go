package lifecycle

import "github.com/anabranch/anabranch/shared/view"

// Set names speed items that belong together: those of a definition, which all Lambda generations of it share, or those of one Kappa generation.
type Set string

// OfDefinition is the set of a Lambda view's definition.
func OfDefinition(definition view.Hash) Set { return Set(definition) }

// OfGeneration is the set of a Kappa generation.
func OfGeneration(generation GenerationID) Set { return Set(generation) }
