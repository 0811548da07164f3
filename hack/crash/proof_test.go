//go:build unix

package main

import (
	"strings"
	"testing"

	"github.com/weftmesh/weft/hack/internal/effects"
	"github.com/weftmesh/weft/samples/order-processing/shop"
)

// mailed are mails by order id.
type mailed map[string]int

func (m mailed) About(id string) effects.Mail { return effects.Mail{Count: m[id]} }

func (m mailed) Orders() (orders, repeats int) {
	for _, n := range m {
		repeats += n - 1
	}
	return len(m), repeats
}

func (mailed) Close() error { return nil }

// TestBooks proves that the proof can fail.
func TestBooks(t *testing.T) {
	tests := map[string]struct {
		reason  string
		filed   []string // confirmed orders of one piece
		mailed  mailed
		gone    int
		held    []string // orders for which some of these are held
		dead    int
		senders int
		want    string // part of the error, "" for none
	}{
		"even":         {"one of each", []string{"a", "b"}, mailed{"a": 1, "b": 1}, 2, nil, 0, 0, ""},
		"on its way":   {"decided, and the mail comes later", []string{"a"}, nil, 1, nil, 0, 0, ""},
		"twice":        {"a second reservation", []string{"a"}, nil, 2, nil, 0, 0, "2 pieces are gone, 1 are sold"},
		"two mails":    {"and nothing was killed that sends mail", []string{"a"}, mailed{"a": 2}, 1, nil, 0, 0, "1 mails came again"},
		"killed":       {"between sending and noting it", []string{"a"}, mailed{"a": 2}, 1, nil, 0, 1, ""},
		"from nowhere": {"a mail without a decision", nil, mailed{"a": 1}, 0, nil, 0, 0, "nothing is filed"},
		"undecided":    {"held, and the order is nowhere", nil, nil, 1, []string{"a"}, 0, 0, "held for 1 orders"},
		"given up":     {"held, and the order is a dead letter", nil, nil, 1, []string{"a"}, 1, 0, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := &proof{box: tc.mailed, sent: []string{"a", "b"}, dead: tc.dead, senders: tc.senders}
			stock := shop.Stock{Available: shop.OpeningStock(article) - tc.gone, Held: make(map[string]shop.Hold)}
			for _, id := range tc.held {
				stock.Held[id] = shop.Hold{OrderID: id, Pieces: 1}
			}
			b := effects.Books{Orders: make(map[string]shop.Decision), Stock: map[string]shop.Stock{article: stock}}
			for _, id := range tc.filed {
				b.Orders[id] = shop.Decision{OrderID: id, Valid: true, Checks: []shop.StockCheck{{SKU: article, Requested: 1}}}
			}
			err := p.books(b)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: err = %v, want %q", tc.reason, err, tc.want)
			}
		})
	}
}
