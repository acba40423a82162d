//go:build emulator

package e2e_test

import (
	"testing"

	"github.com/anabranch/anabranch/shared/api/openapi/contract"
)

// TestMain also checks all answers of the deployed stacks in these tests against the OpenAPI document.
func TestMain(m *testing.M) { contract.MainOverHTTP(m) }
