package state_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/weftmesh/weft/runtime/fntest"
)

// example stands in for the test that an Example is none.
type example struct{ testing.TB }

func (example) Helper()                         {}
func (example) Cleanup(func())                  {}
func (example) Failed() bool                    { return false }
func (example) Context() context.Context        { return context.Background() }
func (example) Fatalf(format string, of ...any) { panic(fmt.Sprintf(format, of...)) }

// harness for an Example; a test has fntest.New(t).
func harness() *fntest.Harness { return fntest.New(example{}) }
