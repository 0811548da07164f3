package daprapi

import (
	"errors"

	"github.com/dapr/components-contrib/state"
)

// bulkError makes an etag error of what a bulk operation fails with if nothing
// but etags were wrong, as daprd does (pkg/components/state/bulk.go): one that
// cannot be right outweighs those that do not match.
func bulkError(err error) error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) == 0 {
		return err
	}
	kind := state.ETagMismatch
	for _, e := range joined.Unwrap() {
		var one state.BulkStoreError
		if !errors.As(e, &one) || one.ETagError() == nil {
			return err
		}
		if one.ETagError().Kind() == state.ETagInvalid {
			kind = state.ETagInvalid
		}
	}
	return state.NewETagError(kind, err)
}
