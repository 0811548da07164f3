// Package trip is what the functions of the fan-out sample share: trips, the
// parts of their quotes, and how parts are joined to an offer.
package trip

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/weftmesh/weft/runtime/state"
)

// Trip is what a traveller asks for.
type Trip struct {
	ID     string `json:"id"`
	To     string `json:"to"`
	Nights int    `json:"nights"`
}

// The kinds of parts, one for each quoting function. An offer has all.
const (
	Flight = "flight"
	Hotel  = "hotel"
	Car    = "car"
)

// Kinds of parts that make an offer.
var Kinds = []string{Flight, Hotel, Car}

// Part is one function's share of an offer: a price, or why there is none.
type Part struct {
	TripID  string `json:"tripId"`
	Kind    string `json:"kind"`
	Euros   int    `json:"euros,omitempty"`
	Missing string `json:"missing,omitempty"`
}

// CheckID says why an id cannot be a key; nil if it can.
func CheckID(id string) error {
	if id == "" || len(id) > 100 || strings.Contains(id, "||") {
		return errors.New(`a trip's id has 1 to 100 bytes and no "||"`)
	}
	return nil
}

// Check says why a part belongs to no offer; nil if it does.
func (p Part) Check() error {
	if !slices.Contains(Kinds, p.Kind) {
		return fmt.Errorf("trip %q has no part %q", p.TripID, p.Kind)
	}
	return CheckID(p.TripID)
}

// Offer is all parts of a trip.
type Offer struct {
	TripID   string `json:"tripId"`
	Euros    int    `json:"euros"`
	Parts    []Part `json:"parts"`
	Complete bool   `json:"complete"` // no part is missing
	// By is the id of the event that brought the last part.
	By string `json:"by"`
}

// trips keeps, for each trip, the parts that have come and the offer they make.
var trips = state.Of[record](DefaultStore)

// DefaultStore is the engine's own store: what a mesh has that declares none.
const DefaultStore = "statestore"

type record struct {
	Parts map[string]Part `json:"parts"` // by kind
	Offer *Offer          `json:"offer,omitempty"`
}

// Join adds a part that the event of that id brought. It returns the offer if
// this event made it whole, else nil.
//
// Events come at least once and in any order. A part that is there already is
// left as it is; and the event that made the offer whole gets it again if it
// comes again, for its first answer may have been lost with the process that
// gave it. The mesh routes the repetition once.
func Join(ctx context.Context, p Part, eventID string) (*Offer, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	var whole *Offer
	err := trips.Update(ctx, p.TripID, func(r *record) error {
		whole = r.add(p, eventID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return whole, nil
}

// add puts a part in its place, if that is free, and makes the offer once all
// places are taken.
func (r *record) add(p Part, eventID string) *Offer {
	if r.Offer != nil {
		if r.Offer.By == eventID {
			return r.Offer
		}
		return nil
	}
	if r.Parts == nil {
		r.Parts = make(map[string]Part)
	}
	if _, there := r.Parts[p.Kind]; !there {
		r.Parts[p.Kind] = p
	}
	if len(r.Parts) < len(Kinds) {
		return nil
	}
	offer := Offer{TripID: p.TripID, Complete: true, By: eventID}
	for _, kind := range Kinds {
		part := r.Parts[kind]
		offer.Parts = append(offer.Parts, part)
		offer.Euros += part.Euros
		offer.Complete = offer.Complete && part.Missing == ""
	}
	r.Offer = &offer
	return r.Offer
}

// FindOffer returns the offer of a trip, if it is whole.
func FindOffer(ctx context.Context, tripID string) (Offer, bool, error) {
	r, _, err := trips.Get(ctx, tripID)
	if err != nil || r.Offer == nil {
		return Offer{}, false, err
	}
	return *r.Offer, true, nil
}
