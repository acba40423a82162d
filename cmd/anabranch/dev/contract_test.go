package dev_test

import (
	"testing"

	"github.com/anabranch/anabranch/shared/api/openapi/contract"
)

// TestMain also checks all answers of the servers in these tests against the OpenAPI document.
func TestMain(m *testing.M) { contract.MainOverHTTP(m) }
