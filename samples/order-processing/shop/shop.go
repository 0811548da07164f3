// Package shop is what the functions of the order sample work on: orders, the
// stock, the customers and the outbox for their mail.
package shop

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// The statuses of an order on its way through the mesh.
const (
	StatusPending   = "pending"   // taken, not yet looked at
	StatusConfirmed = "confirmed" // its items are reserved
	StatusRejected  = "rejected"  // it cannot be fulfilled
	StatusError     = "error"     // it could not be decided
)

// Limits of an order.
const (
	MaxItems    = 100
	MaxQuantity = 10_000
)

// Where stock and mail are kept for a mesh that does not say, as the article's
// first file.
const (
	DefaultStock  = "file:.weft/orders.ledger"
	DefaultOutbox = "file:.weft/outbox.ledger"
)

// Item is one line of an order.
type Item struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}

// Order is what a customer sends, and what ingestOrder makes of it.
type Order struct {
	OrderID    string    `json:"orderId,omitempty"`
	CustomerID string    `json:"customerId"`
	Items      []Item    `json:"items"`
	Timestamp  time.Time `json:"timestamp,omitzero"`
	Status     string    `json:"status,omitempty"`
}

// Check says what is wrong with an order as a customer sent it; nil if
// nothing is.
func (o Order) Check() error {
	if o.CustomerID == "" || len(o.Items) == 0 {
		return errors.New("missing required fields: customerId and items")
	}
	if len(o.Items) > MaxItems {
		return fmt.Errorf("%d items: at most %d in one order", len(o.Items), MaxItems)
	}
	for i, item := range o.Items {
		if item.SKU == "" {
			return fmt.Errorf("items[%d].sku: missing", i)
		}
		if item.Quantity < 1 || item.Quantity > MaxQuantity {
			return fmt.Errorf("items[%d].quantity: %d is not between 1 and %d", i, item.Quantity, MaxQuantity)
		}
	}
	return nil
}

// Decision is what became of an order: validateInventory makes it, notifyUser
// tells the customer.
type Decision struct {
	OrderID    string       `json:"orderId"`
	CustomerID string       `json:"customerId"`
	Status     string       `json:"status"`
	Valid      bool         `json:"valid"`
	Reason     string       `json:"reason,omitempty"`
	Checks     []StockCheck `json:"inventoryChecks,omitempty"`
	Timestamp  time.Time    `json:"timestamp"`
}

// StockCheck is the look at the stock for one line of an order.
type StockCheck struct {
	SKU       string `json:"sku"`
	Requested int    `json:"requested"`
	Available int    `json:"available"`
	InStock   bool   `json:"inStock"`
}

// Customer is someone who may order.
type Customer struct {
	Name   string `json:"name"`
	Email  string `json:"email"`
	Active bool   `json:"active"`
}

//go:embed catalogue.json
var catalogueJSON []byte

type catalogue struct {
	Desk      string              `json:"desk"`
	Customers map[string]Customer `json:"customers"`
	Stock     map[string]int      `json:"stock"`
}

// seed is read at start: a catalogue that is not JSON fails every test.
var seed = func() (c catalogue) {
	if err := json.Unmarshal(catalogueJSON, &c); err != nil {
		panic("shop: catalogue.json: " + err.Error())
	}
	return c
}()

// FindCustomer looks a customer up.
func FindCustomer(id string) (Customer, bool) {
	c, ok := seed.Customers[id]
	return c, ok
}

// Desk is the mail address of the shop's own people.
func Desk() string { return seed.Desk }

// OpeningStock is what is in stock before the first order, by SKU.
func OpeningStock() map[string]int { return seed.Stock }
