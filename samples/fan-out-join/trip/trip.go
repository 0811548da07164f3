// Package trip is what the functions of the fan-out sample share: trips, the
// parts of their quotes, and the store in which parts are joined to an offer.
package trip

import (
	"fmt"
	"slices"

	"github.com/weftmesh/weft/samples/ledger"
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

// Check says why a part belongs to no offer; nil if it does.
func (p Part) Check() error {
	if p.TripID == "" || !slices.Contains(Kinds, p.Kind) {
		return fmt.Errorf("trip %q has no part %q", p.TripID, p.Kind)
	}
	return nil
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

// Kinds of records in the store.
const (
	recordPart  = "part"  // key trip/kind
	recordOffer = "offer" // key trip
)

// Store keeps parts until their offer is whole. Several processes may share
// its ledger.
type Store struct{ file *ledger.File }

// Open opens the store that url names (file:PATH).
func Open(url string) (*Store, error) {
	path, err := ledger.Path(url)
	if err != nil {
		return nil, err
	}
	file, err := ledger.Open(path, nil)
	if err != nil {
		return nil, err
	}
	return &Store{file}, nil
}

// Close closes the ledger.
func (s *Store) Close() error { return s.file.Close() }

// Join adds a part that the event of that id brought. It returns the offer if
// this event made it whole, else nil.
//
// Events come at least once and in any order. A part that is there already is
// left as it is; and the event that made the offer whole gets it again if it
// comes again, for its first answer may have been lost with the process that
// gave it. The mesh routes the repetition once.
func (s *Store) Join(p Part, eventID string) (*Offer, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	var whole *Offer
	err := s.file.Update(func(tx *ledger.Tx) error {
		offer, found, err := find(tx, p.TripID)
		if err != nil {
			return err
		}
		if found {
			if offer.By == eventID {
				whole = &offer
			}
			return nil
		}
		offer = Offer{TripID: p.TripID, Complete: true, By: eventID}
		for _, kind := range Kinds {
			part := p
			if kind != p.Kind {
				r, ok, err := tx.Find(recordPart, p.TripID+"/"+kind)
				if err != nil {
					return err
				}
				if !ok {
					return keep(tx, p)
				}
				part = Part{}
				if err := r.Decode(&part); err != nil {
					return err
				}
			}
			offer.Parts = append(offer.Parts, part)
			offer.Euros += part.Euros
			offer.Complete = offer.Complete && part.Missing == ""
		}
		whole = &offer
		return tx.Append(recordOffer, p.TripID, offer)
	})
	if err != nil {
		return nil, err
	}
	return whole, nil
}

// keep files a part unless it is there.
func keep(tx *ledger.Tx, p Part) error {
	key := p.TripID + "/" + p.Kind
	_, there, err := tx.Find(recordPart, key)
	if err != nil || there {
		return err
	}
	return tx.Append(recordPart, key, p)
}

// Offer returns the offer of a trip, if it is whole.
func (s *Store) Offer(tripID string) (offer Offer, found bool, err error) {
	err = s.file.Update(func(tx *ledger.Tx) (err error) {
		offer, found, err = find(tx, tripID)
		return err
	})
	return offer, found, err
}

func find(tx *ledger.Tx, tripID string) (Offer, bool, error) {
	var o Offer
	r, ok, err := tx.Find(recordOffer, tripID)
	if err != nil || !ok {
		return o, false, err
	}
	return o, true, r.Decode(&o)
}
