// Package shop is what the functions of the order sample work on: orders, the
// stock, the customers and the mail to them. It knows the rules and calls no
// one: package counter decides orders by them, and package post sends the mail.
//
// All of it is kept in the state store order-state, one key each:
//
//	order/ID     what was decided on an order, a Decision
//	stock/SKU    what is left of an article, a Stock
//	customer/ID  a Customer
//	mail/ID      the mail that has been sent about an order, a Mail
//
// Stock and customers that the store does not know yet are taken from
// catalogue.json, so that the shop needs no setup.
package shop

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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
	MaxName     = 100 // bytes of an id or SKU
)

// The components that the shop works with, as the mesh names them.
const (
	StateStore = "order-state"
	MailServer = "email"
)

// OrderKey is where the decision on an order is filed.
func OrderKey(id string) string { return "order/" + id }

// StockKey is where the Stock of an article is.
func StockKey(sku string) string { return "stock/" + sku }

// CustomerKey is where a Customer is.
func CustomerKey(id string) string { return "customer/" + id }

// MailKey is where the Mail is noted that has been sent about an order.
func MailKey(id string) string { return "mail/" + id }

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
	if err := checkName(o.CustomerID); err != nil {
		return fmt.Errorf("customerId: %w", err)
	}
	for i, item := range o.Items {
		if item.SKU == "" {
			return fmt.Errorf("items[%d].sku: missing", i)
		}
		if err := checkName(item.SKU); err != nil {
			return fmt.Errorf("items[%d].sku: %w", i, err)
		}
		if item.Quantity < 1 || item.Quantity > MaxQuantity {
			return fmt.Errorf("items[%d].quantity: %d is not between 1 and %d", i, item.Quantity, MaxQuantity)
		}
	}
	return nil
}

// CheckID says what is wrong with the id of an order or a customer; nil if
// nothing is.
func CheckID(id string) error {
	if id == "" {
		return errors.New("missing")
	}
	return checkName(id)
}

// checkName sees that a name can be part of a key: Dapr's keys hold no "||".
func checkName(name string) error {
	if len(name) > MaxName {
		return fmt.Errorf("%d bytes, at most %d", len(name), MaxName)
	}
	if strings.Contains(name, "||") {
		return errors.New(`must not hold "||"`)
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
	// Try names the pieces in stock that a confirmed order has: those that were
	// set aside by this try.
	Try string `json:"try,omitempty"`
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
	Desk      Customer            `json:"desk"`
	Customers map[string]Customer `json:"customers"`
	Stock     map[string]int      `json:"stock"`
}

// Desk is told what concerns no customer that anyone knows.
func Desk() Customer { return seed.Desk }

// seed is read at start: a catalogue that is not JSON fails every test.
var seed = func() (c catalogue) {
	if err := json.Unmarshal(catalogueJSON, &c); err != nil {
		panic("shop: catalogue.json: " + err.Error())
	}
	return c
}()

// KnownCustomer looks a customer up in the catalogue.
func KnownCustomer(id string) (Customer, bool) {
	c, ok := seed.Customers[id]
	return c, ok
}

// OpeningStock is what there is of an article before the first order; 0 for one
// that the shop does not have.
func OpeningStock(sku string) int { return seed.Stock[sku] }
