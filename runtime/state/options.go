package state

import (
	"errors"
	"time"

	"github.com/weftmesh/weft/runtime/internal/component"
)

// SetOption changes what Set and SetMany do: TTL, IfMatch or IfMissing.
type SetOption interface {
	set(w *component.Write) error
}

// DeleteOption changes what Delete does: IfMatch.
type DeleteOption interface {
	remove(w *component.Write) error
}

// UpdateOption changes what Update does: TTL.
type UpdateOption interface {
	update(w *component.Write) error
}

// Expiry is an option of Set, SetMany, Update and transactions.
type Expiry struct{ after time.Duration }

// TTL makes the key expire after d, in whole seconds rounded up. Give it with
// every write of such a key: what a write without it does to a time to live
// that is running depends on the store.
func TTL(d time.Duration) Expiry { return Expiry{d} }

func (e Expiry) set(w *component.Write) error {
	if e.after <= 0 {
		return errors.New("a TTL must be positive: leave it out for a key that does not expire")
	}
	w.TTL = e.after
	return nil
}

func (e Expiry) update(w *component.Write) error { return e.set(w) }

// Match is an option of Set and Delete.
type Match struct{ etag string }

// IfMatch writes only if the key still has the etag that GetItem returned, else
// the error is ErrConflict.
func IfMatch(etag string) Match { return Match{etag} }

func (m Match) set(w *component.Write) error {
	if m.etag == "" {
		return errors.New("IfMatch has no etag, as an item that was not found has none: use IfMissing")
	}
	if w.Create {
		return errors.New("IfMatch and IfMissing exclude each other")
	}
	w.ETag = m.etag
	return nil
}

func (m Match) remove(w *component.Write) error { return m.set(w) }

// Missing is an option of Set and SetMany.
type Missing struct{}

// IfMissing writes only if the key does not exist (Dapr's first-write without
// an etag), else the error is ErrConflict.
func IfMissing() Missing { return Missing{} }

func (Missing) set(w *component.Write) error {
	if w.ETag != "" {
		return errors.New("IfMatch and IfMissing exclude each other")
	}
	w.Create = true
	return nil
}
