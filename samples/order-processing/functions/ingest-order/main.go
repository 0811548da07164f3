// Command ingest-order takes orders over HTTP, completes them and hands them to
// validateInventory.
package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/samples/order-processing/shop"
)

func main() {
	fn.HTTP("ingestOrder", http.HandlerFunc(ingest))
	fn.Main()
}

const maxBody = 64 << 10

func ingest(w http.ResponseWriter, r *http.Request) {
	var order shop.Order
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&order); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "the body is not an order in JSON: " + err.Error()})
		return
	}
	// A client that is not sure whether an order arrived sends it again with
	// the same key: it stays one order.
	order.OrderID = r.Header.Get("Idempotency-Key")
	if order.OrderID == "" {
		order.OrderID = rand.Text()
	}
	err := order.Check()
	if bad := shop.CheckID(order.OrderID); err == nil && bad != nil {
		err = fmt.Errorf("Idempotency-Key: %w", bad)
	}
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	order.Timestamp = time.Now().UTC()
	order.Status = shop.StatusPending

	log := fn.Logger(r.Context())
	if err := fn.Emit(r.Context(), "validateInventory", order); err != nil {
		log.Error("order not taken", "orderId", order.OrderID, "error", err)
		answer(w, http.StatusInternalServerError, map[string]string{"error": "internal server error"})
		return
	}
	log.Debug("order taken", "orderId", order.OrderID, "customerId", order.CustomerID, "itemCount", len(order.Items))
	answer(w, http.StatusOK, map[string]string{"orderId": order.OrderID, "status": "processing"})
}

func answer(w http.ResponseWriter, status int, body map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has gone: nobody to tell
}
