package handler_test

import (
	"testing"

	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/api/openapi/contract"
)

// TestMain also checks that the tests meet every status that the OpenAPI document has for the function's routes.
func TestMain(m *testing.M) { contract.Main(m, api.Admin) }
